"""Reading an API key from request headers. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable


def read_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the key text of the first of `api-key`, `x-api-key`, Bearer or Basic (public id : secret) found."""
    found = {name: value for name, value in headers if name in (b"api-key", b"x-api-key", b"authorization")}
    for name in (b"api-key", b"x-api-key"):
        if name in found:
            return found[name].decode("latin-1").strip()
    scheme, _, rest = found.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return rest.decode("latin-1").strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode().replace(":", ".", 1)
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return None
