"""Following one stream for every feed that wants it.

States: connecting, then live; unavailable or denied while it comes again; closed. Only `live` is live. What a reader
has not read while it was away is read afterwards, or counted.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import structlog

from debugconsole import metrics
from debugconsole.readers.aside import Aside
from debugconsole.readers.backfill import LEAD_IN, fill, oldest_shown_ms
from debugconsole.readers.feed import Feed
from debugconsole.readers.meter import Tally
from debugconsole.readers.pages import Look, Page, begin_again, is_other_stream, turn_page
from debugconsole.readers.streams import (
    STREAM_ERRORS,
    WATCHDOG_SECONDS,
    is_denied,
    look_after,
    look_back,
    make_client,
    wait_for_entry,
)
from debugconsole.wire.envelope import ONE_PROCESS, Cause, Notice, NoticeCode, SourceState
from debugconsole.wire.prepare import Preparer, Source, Unshown
from debugconsole.wire.tokens import Position
from observability.ingest.redaction import RedactionRules

log = structlog.get_logger(__name__)

T = TypeVar("T")
LoadRules = Callable[[], Awaitable[RedactionRules | None]]

MOST_ENTRIES = 1_000
FIRST_ENTRIES = 100
PAGE_BYTES = 4 * 2**20
"""A page that was larger makes the next one shorter: nobody can say how large an entry is before it has come."""
_GATHER_SECONDS = 0.01
"""Entries that follow one another closely are read together."""
_TURN = 100
"""Entries after which others of the event loop have their turn."""
_CANCEL_SECONDS = 0.1
_FIRST_BACKOFF, _LAST_BACKOFF = 0.25, 10.0


class Reader:
    """Reads one stream from where it is when the first feed comes."""

    def __init__(self, source: Source, load_rules: LoadRules) -> None:
        self.source = source
        self.state = SourceState.CONNECTING
        self.lag = 0
        self.reconnects = 0
        self.feeds: set[Feed] = set()
        self._profiles: frozenset[str] = frozenset()
        """What somebody looks with."""
        self._load_rules = load_rules
        self._preparer = Preparer(source, None)
        self._aside = Aside(source)
        self._position: Position | None = None
        self._count = FIRST_ENTRIES
        self._failures = 0
        self._away_since: float | None = None
        self._missed = 0
        self._fillers: dict[Feed, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_placed = asyncio.Event()

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._run(), name=f"debug reader {self.source.key}")

    async def close(self) -> None:
        """Stop reading, and give up the connection."""
        self.state = SourceState.CLOSED
        tasks = [task for task in (self._task, *self._fillers.values()) if task is not None]
        for task in tasks:
            await _stop(task)

    def join(self, feed: Feed) -> None:
        """Give a feed everything from here on, and what it asks for from before."""
        self.feeds.add(feed)
        self._profiles = frozenset(each.profile for each in self.feeds)
        if self.state in (SourceState.UNAVAILABLE, SourceState.DENIED):
            self._tell_trouble(feed)
            for item in self._aside.list_for(feed.session_id, feed.profile):
                feed.offer_aside(item)
        if self._position is not None:
            self._place(feed, self._position)

    def offer_aside(self, pairs: Sequence[bytes]) -> bool:
        """Show a line to those who look, while the server of the stream is away; False when nobody does."""
        if self.state != SourceState.UNAVAILABLE or not self.feeds:
            return False
        items = self._aside.prepare(pairs, self._preparer.rules)
        if items is None:
            return False
        for feed in self.feeds:
            feed.offer_aside(items[feed.profile])
        return True

    async def leave(self, feed: Feed) -> None:
        """Stop giving to a feed."""
        if self.state == SourceState.UNAVAILABLE:
            self._aside.note_given(feed.session_id, feed.last_aside)
        self.feeds.discard(feed)
        self._profiles = frozenset(each.profile for each in self.feeds)
        filler = self._fillers.pop(feed, None)
        if filler is not None:
            await _stop(filler)

    @property
    def lag_seconds(self) -> float:
        """How old what is read is, while not everything is."""
        return max(0.0, time.time() - self._position.id.ms / 1000) if self.lag and self._position else 0.0

    async def wait_placed(self, seconds: float) -> bool:
        """Wait until it is known where the stream is; False when the server does not say so in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_placed.wait()
        return self._is_placed.is_set()

    # --- The loop -------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            client = make_client()
            try:
                await self._follow(client)
            except STREAM_ERRORS as error:
                self._note_trouble(error)
            except Exception:
                # A defect of ours must not leave viewers with a page that looks alive.
                log.exception("debug.reader_failed", key=self.source.key)
                self._note_trouble(RuntimeError("the reader failed"))
            finally:
                with suppress(*STREAM_ERRORS):
                    await client.aclose()
            await _back_off(self._failures)

    async def _follow(self, client: Any) -> None:
        await self._renew_rules()
        if self._position is None:
            self._begin(await _guard(look_back(client, self.source.key, None, count=LEAD_IN)))
        is_busy = False
        while True:
            assert self._position is not None
            page = await self._read_page(client, self._position)
            if page.entries:
                await self._renew_rules()
            self._note_recovery(page)
            await self._give(page)
            if len(page.entries) >= self._count - 1:
                self._fit_count(page)
                continue
            if is_busy:
                await asyncio.sleep(_GATHER_SECONDS)
            is_busy = await _guard(wait_for_entry(client, self.source.key, self._position.id)) and bool(page.entries)

    def _begin(self, look: Look) -> None:
        self._position = Position(look.last, look.added)
        for place, (entry_id, pairs) in enumerate(look.entries):
            self._preparer.prepare(entry_id, pairs, look.added - len(look.entries) + 1 + place)
        self._is_placed.set()
        for feed in self.feeds:
            self._place(feed, self._position)

    async def _read_page(self, client: Any, position: Position) -> Page:
        look = await _guard(look_after(client, self.source.key, position.id, count=self._count))
        self.lag = max(0, look.added - position.ordinal)
        if not is_other_stream(look, position):
            return turn_page(look, position)
        # All that follows, however long: only the end of it has a known ordinal.
        look = await _guard(look_after(client, self.source.key, position.id, count=look.length + 1))
        return begin_again(look, position)

    async def _renew_rules(self) -> None:
        rules = await self._load_rules()
        if rules is not None:
            self._preparer.use_rules(rules)

    async def _give(self, page: Page) -> None:
        """Account for a page with every feed. A feed that joins meanwhile begins behind it."""
        before = self._position
        self._position = page.position
        if page.is_reset:
            self._tell_reset(page, before)
        if page.lost:
            for feed in self.feeds:
                feed.lose(page.lost, first=page.first_ordinal - page.lost)
        oldest_ms = oldest_shown_ms()
        tally = Tally(self._preparer)
        for place, (entry_id, pairs) in enumerate(page.entries):
            # Without viewers nothing is decoded: the reader only keeps its place.
            if self.feeds:
                ordinal = page.first_ordinal + place
                items = tally.prepare(self._profiles, entry_id, pairs, ordinal)
                if entry_id.ms < oldest_ms:
                    items = dict.fromkeys(self._profiles, Unshown(ordinal, entry_id, Cause.RETENTION))
                for feed in self.feeds:
                    feed.offer(items[feed.profile])
            if place % _TURN == _TURN - 1:
                await asyncio.sleep(0)
        tally.close()
        self.lag = max(0, self.lag - len(page.entries) - page.lost)

    def _fit_count(self, page: Page) -> None:
        size = sum(len(part) for _, pairs in page.entries for part in pairs)
        if size > PAGE_BYTES:
            self._count = max(2, self._count // 2)
        elif size < PAGE_BYTES // 4:
            self._count = min(MOST_ENTRIES, self._count * 2)

    # --- Feeds ----------------------------------------------------------------------------------------------------

    def _place(self, feed: Feed, position: Position) -> None:
        feed.begin(position)
        self._fillers[feed] = asyncio.create_task(self._fill(feed, position))

    async def _fill(self, feed: Feed, until: Position) -> None:
        """Give a feed what came before, on a connection of its own; when the server fails, where that was left."""
        preparer = Preparer(self.source, None)
        failures = 0
        try:
            while not await self._fill_once(feed, preparer, until):
                failures += 1
                await _back_off(failures)
        finally:
            feed.finish_earlier()
            self._fillers.pop(feed, None)

    async def _fill_once(self, feed: Feed, preparer: Preparer, until: Position) -> bool:
        client = make_client()
        try:
            rules = await self._load_rules()
            if rules is not None:
                preparer.use_rules(rules)
            await fill(client, feed, preparer, until)
        except STREAM_ERRORS as error:
            log.warning("debug.backfill_failed", key=self.source.key, error=repr(error))
            return False
        finally:
            with suppress(*STREAM_ERRORS):
                await client.aclose()
        return True

    # --- Telling --------------------------------------------------------------------------------------------------

    def _tell_reset(self, page: Page, before: Position | None) -> None:
        log.warning("debug.stream_reset", key=self.source.key, before=str(before), after=str(page.position))
        start = Position(before.id if before and page.entries else page.position.id, page.first_ordinal - page.lost - 1)
        for feed in self.feeds:
            detail = "The stream was deleted or its server lost it; what it held and was not read is not known."
            feed.begin_again(start, Notice(code=NoticeCode.RESET, lost=page.lost, detail=detail))

    def _note_trouble(self, error: Exception) -> None:
        self._failures += 1
        self.reconnects += 1
        metrics.RECONNECTS.inc()
        state = SourceState.DENIED if is_denied(error) else SourceState.UNAVAILABLE
        is_news = self.state != state
        self.state = state
        if self._away_since is None:
            self._away_since = time.monotonic()
        if is_news:
            log.warning("debug.source_unavailable", key=self.source.key, error=repr(error))
            for feed in self.feeds:
                self._tell_trouble(feed)

    def _tell_trouble(self, feed: Feed) -> None:
        if self.state == SourceState.DENIED:
            feed.tell(Notice(code=NoticeCode.SOURCE_DENIED))
        else:
            feed.tell(Notice(code=NoticeCode.SOURCE_UNAVAILABLE))
            feed.tell(Notice(code=NoticeCode.DEGRADED, scope=ONE_PROCESS))

    def _note_recovery(self, page: Page) -> None:
        self._failures = 0
        self.state = SourceState.LIVE
        if self._away_since is None:
            return
        outage_ms = int((time.monotonic() - self._away_since) * 1000)
        self._away_since = None
        self._aside.clear()
        for feed in self.feeds:
            feed.tell(Notice(code=NoticeCode.SOURCE_RECOVERED, outage_ms=outage_ms, lost=page.lost))


async def _guard(asked: Awaitable[T]) -> T:
    """Wait for an answer, but not for ever: a frozen server keeps the connection open and says nothing."""
    async with asyncio.timeout(WATCHDOG_SECONDS):
        return await asked


async def _back_off(failures: int) -> None:
    backoff = min(_LAST_BACKOFF, _FIRST_BACKOFF * 2 ** min(failures - 1, 10))
    await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads readers, hides nothing


async def _stop(task: asyncio.Task[None]) -> None:
    """Cancel a task until it ends: the library's `wait_for` loses a cancellation that comes with an answer."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_CANCEL_SECONDS)
