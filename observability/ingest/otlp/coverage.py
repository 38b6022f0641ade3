"""Which attributes of a span were understood: what the coverage page of a project is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from observability.ingest.otlp.dialects import DIALECTS
from observability.ingest.otlp.spans import COMMON_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable


class Coverage(msgspec.Struct, frozen=True):
    """Attribute keys, sorted, by whether anything but the raw copy was made of them."""

    understood: tuple[str, ...]
    not_understood: tuple[str, ...]


def sort_keys(dialect: str | None, keys: Iterable[str]) -> Coverage:
    """Sort a span's attribute keys by whether its dialect, or the part common to all, reads them."""
    known = DIALECTS.get(dialect) if dialect else None
    names, prefixes = (known.keys, known.prefixes) if known else (frozenset[str](), ())
    understood: list[str] = []
    others: list[str] = []
    for key in sorted(set(keys)):
        is_known = key in COMMON_KEYS or key in names or key.startswith(prefixes)
        (understood if is_known else others).append(key)
    return Coverage(tuple(understood), tuple(others))


def find_content_side(dialect: str | None, key: str) -> str | None:
    """Tell whether an attribute carries a call's `input` or `output`, so that withholding those covers it too."""
    known = DIALECTS.get(dialect) if dialect else None
    if known is None:
        return None
    if key.startswith(known.input_prefixes):
        return "input"
    return "output" if key.startswith(known.output_prefixes) else None
