"""Connections to the server of the streams, and looks at one of them.

Every answer is taken as it comes, without the library's reading of it: entries may hold any bytes, and a field twice.
The library retries nothing: a reader knows better when to come again, and a frozen server is noticed in time.
"""

from __future__ import annotations

from typing import Any

import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, RedisError, ResponseError

from debugconsole.readers.pages import NOTHING, Look, RawEntry
from debugconsole.wire.lines import EntryId, parse_entry_id

BLOCK_MS = 2_000
WATCHDOG_SECONDS = BLOCK_MS / 1000 + 3
"""Longest that anything asked of the server may take."""

STREAM_ERRORS = (OSError, RedisError, TimeoutError)
"""What a dead, frozen, full or forbidding server raises."""
_DENIED_ERRORS = (AuthenticationError, AuthorizationError, NoPermissionError)
_NO_LOGIN = "Authentication required"
"""The library takes this answer for a broken connection."""

_RAW = ("XRANGE", "XREVRANGE", "XREAD", "XINFO STREAM")


def is_denied(error: Exception) -> bool:
    """Say whether the server is there, and does not let us read."""
    return isinstance(error, _DENIED_ERRORS) or str(error).startswith(_NO_LOGIN)


def make_client() -> Any:
    """Return a client; its commands one after another share one connection."""
    client: Any = redis.asyncio.Redis.from_url(
        settings.DEBUG_REDIS_URL,
        protocol=2,
        socket_timeout=WATCHDOG_SECONDS,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )
    for command in _RAW:
        client.set_response_callback(command, _take_as_it_is)
    return client


async def look_after(client: Any, key: str, entry_id: EntryId, *, count: int, until: EntryId | None = None) -> Look:
    """Look at the entries from one on, itself included, and at the stream's numbers, at the same moment."""
    return await _look(client, key, "XRANGE", str(entry_id), str(until or "+"), count)


async def look_back(client: Any, key: str, entry_id: EntryId | None, *, count: int) -> Look:
    """Look at the newest entries up to one, or up to the end. They come oldest first."""
    look = await _look(client, key, "XREVRANGE", str(entry_id or "+"), "-", count)
    look.entries.reverse()
    return look


async def wait_for_entry(client: Any, key: str, entry_id: EntryId) -> bool:
    """Wait until an entry follows this one, `BLOCK_MS` at most."""
    found = await client.execute_command("XREAD", "COUNT", 1, "BLOCK", BLOCK_MS, "STREAMS", key, str(entry_id))
    return bool(found)


async def _look(client: Any, key: str, command: str, start: str, end: str, count: int) -> Look:
    async with client.pipeline(transaction=True) as pipe:
        pipe.execute_command("XINFO STREAM", key)
        pipe.execute_command(command, key, start, end, "COUNT", count)
        answers = await pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, ResponseError) and "no such key" in str(answer):
            return NOTHING
        if isinstance(answer, Exception):
            raise answer
    info = dict(zip(answers[0][::2], answers[0][1::2], strict=True))
    first = info[b"first-entry"]
    return Look(
        added=info[b"entries-added"],
        length=info[b"length"],
        first=parse_entry_id(first[0]) if first else None,
        last=parse_entry_id(info[b"last-generated-id"]),
        entries=[_read_entry(entry) for entry in answers[1]],
    )


def _read_entry(entry: list[Any]) -> RawEntry:
    return parse_entry_id(entry[0]), entry[1] or []


def _take_as_it_is(answer: Any, **options: Any) -> Any:
    return answer
