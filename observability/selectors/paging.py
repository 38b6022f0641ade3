"""Keyset paging: a cursor names the last row seen, so rows that arrive meanwhile neither repeat nor hide any.

A cursor is opaque to clients and carries no right: whoever holds one still has to be allowed to read the list.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from django.db.models import Q

from observability.errors import InvalidError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Position(NamedTuple):
    """A place in a list that is ordered by time and then by a key that is unique at that time."""

    at: datetime
    key: str


def make_cursor(position: Position) -> str:
    """Return the text that clients hand back to continue after this position."""
    packed = msgspec.json.encode([(position.at - EPOCH) // _MICROSECOND, position.key])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_cursor(text: str | None) -> Position | None:
    """Return the position that `make_cursor` packed, or None for no cursor.

    Raises `InvalidError` for any other text.
    """
    if not text:
        return None
    try:
        packed = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        microseconds, key = msgspec.json.decode(packed, type=tuple[int, str])
        at = EPOCH + timedelta(microseconds=microseconds)
    except (binascii.Error, msgspec.DecodeError, OverflowError, UnicodeError) as error:
        raise InvalidError("cursor: not one that this list gave") from error
    if "\x00" in key:
        raise InvalidError("cursor: not one that this list gave")
    return Position(at, key)


def check_numbered(position: Position) -> None:
    """Raise `InvalidError` unless the position's key is a number, for lists whose tie-break is one."""
    if not (position.key.isascii() and position.key.isdigit() and len(position.key) < 19):
        raise InvalidError("cursor: not one that this list gave")


def is_after(position: Position | None, *, time: str, key: str) -> Q:
    """Return the condition for rows after the position, in ascending order.

    Spelled as `time >= x` and a tie-break, not as one comparison of two values: the first half is what an index on
    the time can use.
    """
    if position is None:
        return Q()
    return Q(**{f"{time}__gte": position.at}) & (Q(**{f"{time}__gt": position.at}) | Q(**{f"{key}__gt": position.key}))


def is_before(position: Position | None, *, time: str, key: str) -> Q:
    """Return the condition for rows before the position, that is, after it in a list with the newest first."""
    if position is None:
        return Q()
    return Q(**{f"{time}__lte": position.at}) & (Q(**{f"{time}__lt": position.at}) | Q(**{f"{key}__lt": position.key}))
