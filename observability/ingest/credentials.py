"""Reading an API key from request headers. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

_KEY_HEADERS = (b"api-key", b"x-api-key")


def read_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the key text of the first of `api-key`, `x-api-key`, Bearer, Basic (public id : secret) or a bare one.

    Names are lower-case, as ASGI gives them. None when there is none of them; "" for one that cannot be read.
    """
    found = {name: value.strip() for name, value in headers}
    for name in _KEY_HEADERS:
        if found.get(name):
            return found[name].decode("latin-1")
    scheme, _, rest = found.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return rest.decode("latin-1").strip()
    if scheme.lower() == b"basic":
        return _read_basic(rest.strip())
    # Logfire sends its token without a scheme.
    return scheme.decode("latin-1") if scheme and not rest else None


def _read_basic(credentials: bytes) -> str:
    """Return `<public id>.<secret>`. A whole key as the user, with no password, is taken too, as curl's `-u key:`."""
    try:
        user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return f"{user}.{password}" if password else user
