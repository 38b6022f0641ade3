"""Where other processes ask this one to hand over triggers: `outbound` is the other end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import redis.asyncio
import structlog
from django.conf import settings
from redis.exceptions import RedisError

from reruns.outbound import mailbox_of

log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 1.0
_OPEN_SECONDS = 0.3
"""How long a connecting SDK waits for the mailbox: one of them gives up connecting after a second."""
_REPLY_SECONDS = 10


class Mailbox:
    """Listens until cancelled, through every outage of Valkey: triggers find another way meanwhile.

    `hear` is called with a socket's id and a trigger's number, and says whether it was handed over.
    """

    def __init__(self, process: str, hear: Callable[[str, int], Awaitable[bool]]) -> None:
        self._channel = mailbox_of(process)
        self._hear = hear
        self._open = asyncio.Event()
        self._answering: set[asyncio.Task[None]] = set()

    async def wait_open(self) -> None:
        """Wait until it can be written to, but not for a dead Valkey."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_OPEN_SECONDS):
                await self._open.wait()

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except (OSError, RedisError) as error:
                log.warning("sockets.mailbox_closed", error=repr(error))
            self._open.clear()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _listen(self) -> None:
        client = redis.asyncio.Redis.from_url(settings.SOCKETS_URL, socket_connect_timeout=2)
        async with client, client.pubsub() as channel:
            await channel.subscribe(self._channel)
            async for message in channel.listen():
                if message["type"] == "subscribe":
                    self._open.set()
                elif message["type"] == "message":
                    task = asyncio.create_task(self._answer(client, message["data"]))
                    self._answering.add(task)
                    task.add_done_callback(self._answering.discard)

    async def _answer(self, client: redis.asyncio.Redis, text: bytes) -> None:
        asked: dict[str, Any] = json.loads(text)
        is_delivered = await self._hear(asked["sid"], asked["trigger"])
        with suppress(OSError, RedisError):
            async with client.pipeline() as pipe:
                pipe.lpush(asked["reply"], "delivered" if is_delivered else "refused")
                pipe.expire(asked["reply"], _REPLY_SECONDS)
                await pipe.execute()
