"""Where a viewer goes on: a position in a stream, signed so that it cannot be moved to another.

`<ms>-<seq>~<ordinal>~<mac>`, opaque to clients. The ordinal makes what was lost since then exact: it is the number of
the entry in its stream, counted from the first that was ever added.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from debugconsole.wire.lines import ZERO_ID, EntryId, parse_entry_id

_MAC_LENGTH = 22


class Position(NamedTuple):
    """The last entry that was dealt with, and its ordinal."""

    id: EntryId
    ordinal: int


START = Position(ZERO_ID, 0)
"""Before the first entry of a stream that is new."""


class TokenError(ValueError):
    """The token is none of ours, or belongs to another session or stream. The message says which cannot be told."""


def write_token(position: Position, *, secret: bytes, session: str, key: str) -> str:
    """Return the token of a position for one session and stream."""
    text = f"{position.id}~{position.ordinal}"
    return f"{text}~{_sign(text, secret, session, key)}"


def read_token(token: str, *, secret: bytes, session: str, key: str) -> Position:
    """Return the position of a token. Raises `TokenError`."""
    text, _, mac = token.rpartition("~")
    if len(token) > 120 or not hmac.compare_digest(mac.encode(), _sign(text, secret, session, key).encode()):
        raise TokenError("after: this is no token of this session and stream")
    entry_id, _, ordinal = text.partition("~")
    return Position(parse_entry_id(entry_id), int(ordinal))


def _sign(text: str, secret: bytes, session: str, key: str) -> str:
    signed = "\0".join(("debugconsole.token", text, session, key)).encode(errors="replace")
    return hmac.digest(secret, signed, "sha256").hex()[:_MAC_LENGTH]
