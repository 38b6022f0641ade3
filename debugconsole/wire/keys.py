"""The keys of streams, as the runner derives them (contract debug-console, 1.2).

`PREFIX + tenant + ":" + extension`, lower-cased in ASCII alone; a part that is missing is left out, and without both
the rest is `unknown`. Nothing is escaped, so a key never tells whose it is: an entry's own fields do, and they must
derive the key it stands in.
"""

from __future__ import annotations

import string

DEFAULT_PREFIX = "ext-debug:"
UNKNOWN = "unknown"

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def lower_ascii(text: str) -> str:
    """Lower the letters A to Z, and no others: `İ` stays what it is."""
    return text.translate(_LOWER)


def stream_key(prefix: str, *, tenant: str | None, extension: str | None) -> str:
    """Return the key that lines with this tenant and extension are written to. An empty text counts as present."""
    parts = [lower_ascii(part) for part in (tenant, extension) if part is not None]
    return prefix + (":".join(parts) if parts else UNKNOWN)


def list_stray_keys(prefix: str, extension: str | None = None) -> tuple[str, ...]:
    """Return the keys of lines that name no tenant: for operators alone, since nobody can tell whose they are.

    With an extension also those of emitters that write `unknown` in place of the tenant, as some documents have it.
    """
    nobody = stream_key(prefix, tenant=None, extension=None)
    if extension is None:
        return (nobody,)
    named = stream_key(prefix, tenant=None, extension=extension)
    return (named, stream_key(prefix, tenant=UNKNOWN, extension=extension), nobody)
