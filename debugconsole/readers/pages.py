"""What one look at a stream means, given where the reader stood. Pure.

A stream numbers its entries from 1 in the order they were added; `entries-added` is the number of the last. Trimming
takes the oldest, so `entries-added - length` of them are gone, and what a reader lost is what of these it had not read.
That holds while nothing but trimming removes entries: no XDEL.
"""

from __future__ import annotations

from dataclasses import dataclass

from debugconsole.wire.lines import ZERO_ID, EntryId
from debugconsole.wire.tokens import Position

RawEntry = tuple[EntryId, list[bytes]]


@dataclass(frozen=True, slots=True)
class Look:
    """A stream at one moment. `entries` begin with the one that was read last, if it is still there."""

    added: int
    length: int
    first: EntryId | None
    last: EntryId
    entries: list[RawEntry]

    @property
    def trimmed(self) -> int:
        """How many entries are gone: the ordinal of the newest of them."""
        return max(0, self.added - self.length)


NOTHING = Look(added=0, length=0, first=None, last=ZERO_ID, entries=[])


@dataclass(frozen=True, slots=True)
class Page:
    """The next entries, and what was lost before them. `first_ordinal` is that of the first entry."""

    entries: list[RawEntry]
    first_ordinal: int
    lost: int
    position: Position
    """Where the reader stands after the page."""
    is_reset: bool = False
    """The stream is not the one that was read: deleted, emptied, or put back to an earlier state."""


def is_other_stream(look: Look, position: Position) -> bool:
    """Say whether the stream can impossibly be the one in which the reader reached its position.

    An entry that was read last and is gone was trimmed, so at least so many must be gone.
    """
    if position.ordinal > look.added:
        return True
    return not _has_last(look, position) and position.ordinal > look.trimmed


def turn_page(look: Look, position: Position) -> Page:
    """Return what follows the position in a stream that goes on."""
    has_last = _has_last(look, position)
    entries = look.entries[1:] if has_last else look.entries
    lost = 0 if has_last else max(0, look.trimmed - position.ordinal)
    return _make_page(entries, position.ordinal + lost + 1, lost, position, is_reset=False)


def begin_again(look: Look, position: Position) -> Page:
    """Return what follows the position in another stream under the same key. The look must hold all that follows.

    What stands at or before the position was read: entries of a server that forgot the newest when it died. Where even
    the newest entry does (or nothing is there), reading goes on behind it.
    """
    entries = [entry for entry in look.entries if entry[0] > position.id]
    if not entries:
        at = Position(look.last, look.added)
        return Page([], at.ordinal + 1, 0, at, is_reset=True)
    is_new = look.first is not None and look.first > position.id
    first_ordinal = look.added - len(entries) + 1
    return _make_page(entries, first_ordinal, look.trimmed if is_new else 0, position, is_reset=True)


def _make_page(entries: list[RawEntry], first_ordinal: int, lost: int, before: Position, *, is_reset: bool) -> Page:
    last_ordinal = first_ordinal + len(entries) - 1
    at = Position(entries[-1][0] if entries else before.id, last_ordinal)
    return Page(entries, first_ordinal, lost, at, is_reset)


def _has_last(look: Look, position: Position) -> bool:
    return bool(look.entries) and look.entries[0][0] == position.id
