"""The readers and feeds of one process: a stream is read once, however many look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from weakref import WeakKeyDictionary

import psycopg
import structlog
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from debugconsole.errors import BusyError
from debugconsole.readers.feed import Feed, FeedStats
from debugconsole.readers.meter import Meter, show_levels
from debugconsole.readers.reader import Reader
from debugconsole.wire.envelope import EndReason, SourceState
from observability.errors import NotFoundError
from observability.ingest.redaction import InvalidRedactionRuleError, RedactionRules, compile_rules
from observability.services.policies import get_policy

log = structlog.get_logger(__name__)

MOST_READERS = 200
MOST_FEEDS = 500
LINGER_SECONDS = 30.0
PLACE_SECONDS = 2.0
"""How long a new feed waits for its reader; one that is late says why by a notice."""
MEASURE_SECONDS = 1.0

LoadRules = Callable[[], Awaitable[RedactionRules | None]]


class Hub:
    """What is read and who looks."""

    def __init__(self, *, linger: float = LINGER_SECONDS) -> None:
        self.feeds: dict[str, Feed] = {}
        self.readers: dict[str, Reader] = {}
        self._linger = linger
        self._meter = Meter()
        self._measuring: asyncio.Task[None] | None = None
        self._closing: dict[str, asyncio.Task[None]] = {}

    async def open(self, feed: Feed) -> Feed:
        """Give a feed its stream. A feed of the same session is ended as replaced. Raises `BusyError`."""
        older = self.feeds.pop(feed.session_id, None)
        if older is not None:
            older.end(EndReason.REPLACED)
            await self._leave(older)
        if len(self.feeds) >= MOST_FEEDS:
            raise BusyError("This server has as many viewers as it can serve.")
        reader = self._take_reader(feed)
        self.feeds[feed.session_id] = feed
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._measure(), name="debug meter")
        reader.join(feed)
        self._show_levels()
        await reader.wait_placed(PLACE_SECONDS)
        return feed

    async def close(self, feed: Feed, *, is_over: bool = True) -> FeedStats:
        """Take a feed's stream away and return its last account. The reader stays a while for whoever comes back.

        What still waits is not shown when the session is over, and offered again when it is not.
        """
        if self.feeds.get(feed.session_id) is feed:
            del self.feeds[feed.session_id]
        await self._leave(feed)
        stats = feed.settle() if is_over else feed.leave()
        self._meter.count(feed, stats)
        self._meter.forget(feed)
        self._show_levels()
        return stats

    def offer_aside(self, key: str, pairs: Sequence[bytes]) -> bool:
        """Show a line to whoever looks at its stream here while that is away; False when nobody does."""
        reader = self.readers.get(key)
        return reader is not None and reader.offer_aside(pairs)

    def state_of(self, feed: Feed) -> SourceState:
        """Return what the feed's reader is doing."""
        reader = self.readers.get(feed.source.key)
        return SourceState.CLOSED if reader is None else reader.state

    def lag_of(self, feed: Feed) -> int:
        """Return how many entries of the stream have yet to reach the feed's client."""
        reader = self.readers.get(feed.source.key)
        return (reader.lag if reader else 0) + feed.stats().queued

    def end_all(self, reason: EndReason, *, retry_ms: int | None = None) -> None:
        """Tell every feed that it is over."""
        for feed in list(self.feeds.values()):
            feed.end(reason, retry_ms=retry_ms)

    async def shut(self) -> None:
        """End everything: the server stops."""
        self.end_all(EndReason.SERVER_DRAIN, retry_ms=1_000)
        for task in (*self._closing.values(), *filter(None, [self._measuring])):
            task.cancel()
        readers, self.readers = list(self.readers.values()), {}
        await asyncio.gather(*(reader.close() for reader in readers))
        self._show_levels()

    async def _measure(self) -> None:
        """Carry over what feeds did, while there is anything to tell."""
        while self.feeds or self.readers:
            for feed in list(self.feeds.values()):
                self._meter.count(feed, feed.stats())
            self._show_levels()
            await asyncio.sleep(MEASURE_SECONDS)
        self._show_levels()

    def _show_levels(self) -> None:
        lags = [(reader.lag, reader.lag_seconds) for reader in self.readers.values()]
        show_levels(self.feeds.values(), lags)

    def _take_reader(self, feed: Feed) -> Reader:
        key = feed.source.key
        closing = self._closing.pop(key, None)
        if closing is not None:
            closing.cancel()
        reader = self.readers.get(key)
        if reader is None:
            if len(self.readers) >= MOST_READERS:
                raise BusyError("This server reads as many streams as it can.")
            reader = self.readers[key] = Reader(feed.source, partial(_Rules(feed.project_id).load))
            reader.start()
        return reader

    async def _leave(self, feed: Feed) -> None:
        key = feed.source.key
        reader = self.readers.get(key)
        if reader is None:
            return
        await reader.leave(feed)
        if not reader.feeds and key not in self._closing:
            self._closing[key] = asyncio.create_task(self._close_later(key, reader))

    async def _close_later(self, key: str, reader: Reader) -> None:
        await asyncio.sleep(self._linger)
        if reader.feeds:
            return
        self._closing.pop(key, None)
        if self.readers.get(key) is reader:
            del self.readers[key]
        await reader.close()


async def load_rules(project_id: int) -> RedactionRules | None:
    """Return a project's redaction rules; None when they cannot be known now, and so nothing may be shown."""
    return await _Rules(project_id).load()


class _Rules:
    """A project's redaction rules; the last known ones while they cannot be asked for."""

    def __init__(self, project_id: int | None) -> None:
        self._project_id = project_id
        self._known = compile_rules() if project_id is None else None

    async def load(self) -> RedactionRules | None:
        """Return the rules, a few seconds old at most; None when nothing is known, and so nothing may be shown."""
        if self._project_id is None:
            return self._known
        with suppress(DatabaseError, psycopg.Error, PoolTimeout, OSError):
            try:
                self._known = (await get_policy(self._project_id)).rules
            except (NotFoundError, InvalidRedactionRuleError) as error:
                log.warning("debug.rules_unknown", project_id=self._project_id, error=str(error))
                self._known = None
        return self._known


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    """Return the hub of this event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


async def close_hub() -> None:
    """End what this event loop's hub does, if it has one."""
    hub = _hubs.pop(asyncio.get_running_loop(), None)
    if hub is not None:
        await hub.shut()
