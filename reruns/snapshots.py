"""A small set of rows that the event loop looks at often: kept in memory, renewed in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async
from django.db import Error as StoreError

log = structlog.get_logger(__name__)

Value = TypeVar("Value")


class Snapshot(Generic[Value]):
    """What `load` returned lately, by event loop. Looking costs no query: an old value is given while it is renewed."""

    def __init__(self, load: Callable[[], Value], *, empty: Value, seconds: float) -> None:
        self._load = load
        self._empty = empty
        self._seconds = seconds
        self._values: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[float, Value]] = WeakKeyDictionary()
        self._renewing: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()

    def look(self) -> Value:
        """Return the value as it is known, and see to it that it is soon not older than `seconds`."""
        loop = asyncio.get_running_loop()
        read_at, value = self._values.get(loop, (float("-inf"), self._empty))
        task = self._renewing.get(loop)
        if time.monotonic() - read_at > self._seconds and (task is None or task.done()):
            self._renewing[loop] = loop.create_task(self.renew())
        return value

    async def renew(self) -> None:
        """Read the value. One that cannot be read stays as it was until the next time it is old."""
        loop = asyncio.get_running_loop()
        value = self._values.get(loop, (0.0, self._empty))[1]
        try:
            value = await database_sync_to_async(self._load)()
        except StoreError as error:
            log.warning("snapshot.unavailable", error=repr(error))
        self._values[loop] = time.monotonic(), value
