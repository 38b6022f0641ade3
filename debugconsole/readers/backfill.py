"""What came before a feed began: the last lines of the stream, or everything since a place where the viewer was.

The reader stands at a known entry when a feed joins it. The feed is given what follows by the reader, and what does not
by this, so nothing is given twice or left out, whatever is added meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from django.conf import settings

from debugconsole.readers.feed import Feed
from debugconsole.readers.meter import Tally
from debugconsole.readers.pages import Look, is_other_stream, turn_page
from debugconsole.readers.streams import WATCHDOG_SECONDS, look_after, look_back
from debugconsole.wire.envelope import Notice, NoticeCode
from debugconsole.wire.lines import EntryId
from debugconsole.wire.prepare import Preparer
from debugconsole.wire.tokens import START, Position

LEAD_IN = 50
"""Entries before those that are shown, so that a private key among them is known to have begun."""
PAGE = 200
MOST_TAIL = 2_000
_ROOM_SECONDS = 0.05
_SLACK_MS = 60_000
"""The server's clock may be ahead of ours."""


def oldest_shown_ms() -> int:
    """Return from when on entries are shown; older ones wait for the janitor."""
    kept_ms: int = settings.DEBUG_RETENTION_MINUTES * 60_000
    return int(time.time() * 1000) - kept_ms - _SLACK_MS


async def fill(client: Any, feed: Feed, preparer: Preparer, until: Position) -> None:
    """Give a feed what came up to and including a position. Raises what `streams.STREAM_ERRORS` holds."""
    if feed.after is None:
        await _give_tail(client, feed, preparer, until)
    elif feed.after.id < until.id or feed.after.ordinal > until.ordinal:
        await _give_since(client, feed, preparer, feed.earlier_at, until)
    else:
        feed.note_resumed("exact")


async def _give_tail(client: Any, feed: Feed, preparer: Preparer, until: Position) -> None:
    if not feed.tail or not until.ordinal:
        return
    async with asyncio.timeout(WATCHDOG_SECONDS):
        look = await look_back(client, feed.source.key, until.id, count=min(feed.tail, MOST_TAIL) + LEAD_IN)
    if not look.entries or look.entries[-1][0] != until.id:
        # Trimmed, or another stream by now: the reader tells of that.
        return
    oldest_ms = oldest_shown_ms()
    shown_from = max(0, len(look.entries) - min(feed.tail, MOST_TAIL))
    while shown_from < len(look.entries) and look.entries[shown_from][0].ms < oldest_ms:
        shown_from += 1
    first_ordinal = until.ordinal - len(look.entries) + 1
    if shown_from:
        feed.begin_earlier(Position(look.entries[shown_from - 1][0], first_ordinal + shown_from - 1))
    else:
        feed.begin_earlier(Position(EntryId(0, 0), first_ordinal - 1))
    tally = Tally(preparer)
    for place, (entry_id, pairs) in enumerate(look.entries):
        if place < shown_from:
            preparer.prepare(entry_id, pairs, first_ordinal + place)
        else:
            feed.offer_earlier(tally.prepare((feed.profile,), entry_id, pairs, first_ordinal + place)[feed.profile])
    tally.close()


async def _give_since(client: Any, feed: Feed, preparer: Preparer, at: Position, until: Position) -> None:
    oldest_ms = oldest_shown_ms()
    while at.id < until.id or at.ordinal > until.ordinal:
        look = await _look_when_there_is_room(client, feed, at, until)
        if is_other_stream(look, at):
            feed.note_resumed("reset")
            detail = "The stream is another one than you were reading; what was not read of that is not known."
            feed.begin_again(START, Notice(code=NoticeCode.RESET, detail=detail), is_earlier=True)
            at = START
            continue
        page = turn_page(look, at)
        lost = max(0, min(page.lost, until.ordinal - at.ordinal))
        if lost:
            feed.lose_earlier(lost, until=Position(at.id, at.ordinal + lost))
        feed.note_resumed("lost" if lost else "exact")
        tally = Tally(preparer)
        for place, (entry_id, pairs) in enumerate(page.entries):
            ordinal = page.first_ordinal + place
            if entry_id.ms < oldest_ms:
                feed.lose_earlier(1, until=Position(entry_id, ordinal))
            else:
                feed.offer_earlier(tally.prepare((feed.profile,), entry_id, pairs, ordinal)[feed.profile])
        tally.close()
        if not page.entries:
            return
        at = page.position


async def _look_when_there_is_room(client: Any, feed: Feed, at: Position, until: Position) -> Look:
    while not feed.has_room and feed.end_ is None:
        await asyncio.sleep(_ROOM_SECONDS)
    async with asyncio.timeout(WATCHDOG_SECONDS):
        # A place that our reader has yet to reach is looked at too: is it of this stream?
        return await look_after(client, feed.source.key, at.id, count=PAGE + 1, until=max(until.id, at.id))
