"""A Valkey of a test's own, to be killed, frozen and emptied; and a viewer that counts what it is given."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import redis
from django.test import override_settings

from config.embedded import Valkey
from config.embedded.process import ServerProcess, Watchdog
from debugconsole.readers.feed import Feed, Taken
from debugconsole.readers.hub import Hub
from debugconsole.wire.emit import Emission, build_xadd
from debugconsole.wire.envelope import Cause, Notice
from debugconsole.wire.lines import Line
from debugconsole.wire.prepare import Source

TENANT = "0f8fad5b-d9cb-469f-a165-70867728950e"
PATIENCE_SECONDS = 20.0
"""How long a test waits for what must come. Nothing waits this long unless it fails."""


class Streams:
    """One Valkey, and writing to it as a runner does."""

    def __init__(self, data: Path) -> None:
        self._watchdog = Watchdog()
        self.server = Valkey(data)
        self.server.prepare()
        self._log = data / "valkey.log"
        self._process = ServerProcess(self.server, log=self._log, watchdog=self._watchdog)
        self.tenant = TENANT
        self.key = f"ext-debug:{TENANT}:ext-{uuid.uuid4().hex}"
        self._process.start()

    @property
    def source(self) -> Source:
        return Source(prefix="ext-debug:", key=self.key, tenant=self.tenant, extension=self.key.rpartition(":")[2])

    def follow(self, source: Source) -> None:
        """Write to this stream from now on."""
        assert source.tenant is not None
        self.tenant, self.key = source.tenant, source.key

    @property
    def client(self) -> Any:
        return redis.Redis.from_url(self.server.url)

    def write(self, count: int, *, first: int = 0, maxlen: int = 100_000, padding: str = "", **fields: Any) -> None:
        """Publish lines numbered from `first`."""
        with self.client as client, client.pipeline(transaction=False) as pipe:
            for number in range(first, first + count):
                self._add(pipe, f"{number}{padding}".encode(), maxlen, fields)
            pipe.execute()

    def _add(self, pipe: Any, message: bytes, maxlen: int, fields: dict[str, Any]) -> None:
        said = {"ts": "0", "level": "info", "stream": "log", "tenant": self.tenant, **fields}
        said.setdefault("extension", self.source.extension)
        command = build_xadd(Emission(message=message, **said), prefix="ext-debug:", maxlen=maxlen)
        pipe.execute_command(*command)

    def trim(self, length: int) -> None:
        """Trim to exactly so many."""
        with self.client as client:
            client.xtrim(self.key, maxlen=length, approximate=False)

    def kill(self) -> None:
        self._process.kill()

    def start(self) -> None:
        self._process.start()

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def forget(self) -> None:
        """Remove what the dead server kept."""
        for path in sorted(self.server.folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()

    def close(self) -> None:
        self._process.kill()
        self._watchdog.close()


class Flood:
    """A producer that writes one batch after another and knows how many lines were taken."""

    def __init__(self, streams: Streams, *, maxlen: int) -> None:
        self.taken = 0
        self._streams = streams
        self._maxlen = maxlen
        self._is_over = False
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self._is_over:
            with suppress(redis.RedisError, OSError):
                await asyncio.to_thread(self._write)
            await asyncio.sleep(0)

    def _write(self) -> None:
        self._streams.write(200, first=self.taken, maxlen=self._maxlen)
        self.taken += 200

    async def reach(self, taken: int) -> None:
        async with asyncio.timeout(30):
            while self.taken < taken:
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._is_over = True
        await self._task


def count_added(streams: Streams) -> int:
    info: Any = streams.client.xinfo_stream(streams.key)
    return int(info["entries-added"])


class Watcher:
    """A viewer that takes all it can, and remembers it."""

    def __init__(self, hub: Hub, feed: Feed) -> None:
        self.hub = hub
        self.feed = feed
        self.messages: list[str] = []
        self.lines: list[Line] = []
        self.ordinals: list[int] = []
        self.notices: list[Notice] = []
        self.last: Taken | None = None

    @property
    def dropped(self) -> Counter[Cause]:
        """What it was told that it does not see."""
        told: Counter[Cause] = Counter()
        for notice in self.notices:
            if notice.code == "dropped":
                assert notice.cause is not None and notice.count is not None
                told[notice.cause] += notice.count
        return told

    @property
    def codes(self) -> list[str]:
        return [notice.code for notice in self.notices]

    async def take(self, *, timeout: float = PATIENCE_SECONDS, **bounds: int) -> Taken:
        taken = await self.feed.take(timeout=timeout, **bounds)
        self.last = taken
        self.lines += [item.line for item in taken.events]
        self.messages += [item.line.message for item in taken.events]
        self.ordinals += [item.ordinal for item in taken.events]
        self.notices += taken.notices
        return taken

    async def take_until(self, is_enough: Callable[[], bool]) -> None:
        """Take until something holds."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_enough():
                await self.take(timeout=1)

    def is_settled(self, produced: int) -> bool:
        """Say whether it accounts for so many entries, with nothing waiting."""
        stats = self.feed.stats()
        return stats.produced == produced and not stats.queued

    def check_account(self) -> None:
        """Compare the feed's account with what came, and its parts with one another."""
        stats = self.feed.stats()
        assert stats.produced == stats.delivered + stats.queued + stats.filtered + sum(stats.dropped.values())
        assert stats.delivered == len(self.messages)
        assert self.ordinals == sorted(set(self.ordinals))


@pytest.fixture
def streams(tmp_path: Path) -> Iterator[Streams]:
    running = Streams(tmp_path)
    with override_settings(DEBUG_REDIS_URL=running.server.url):
        yield running
    running.close()


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub(linger=0.1)
    yield hub
    await hub.shut()


@pytest.fixture
def watch(hub: Hub, streams: Streams) -> Callable[..., Any]:
    """Open a feed of the stream."""

    async def open_feed(*, session: str = "", source: Source | None = None, **options: Any) -> Watcher:
        feed = Feed(session_id=session or uuid.uuid4().hex, source=source or streams.source, **options)
        return Watcher(hub, await hub.open(feed))

    return open_feed
