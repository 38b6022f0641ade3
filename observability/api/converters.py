"""Path parts that may hold anything a client chose: trace ids contain `::`, step names may be whole addresses."""

from __future__ import annotations


class AnyTextConverter:
    """Match any text without NUL, slashes included; the routes' own words around it are what ends it."""

    regex = r"[^\x00]+?"

    def to_python(self, value: str) -> str:
        """Return the text, percent-decoded by the server already."""
        return value

    def to_url(self, value: str) -> str:
        """Return the text; `reverse` percent-encodes it, slashes excepted."""
        return value
