"""Trimming streams of what is older than may be kept.

Nothing else does: the runner bounds a stream by its length alone, and an expiry would not be renewed by what is added.
Entries are only ever trimmed, never deleted one by one, and streams stay when they are empty: a stream's own count of
what was ever added is what makes loss exact. Two janitors at once do no harm.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import redis
import structlog
from django.conf import settings
from django.core.cache import cache

from debugconsole.metrics import TRIMMED

log = structlog.get_logger(__name__)

LAST_RUN = "debugconsole.janitor"
"""Cache key of when it last ran, in seconds since 1970."""
STRAYS = "debugconsole.strays"
"""Cache key of how many entries were ever added to streams of no tenant."""
_SCAN = 500
_OF_TENANT = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:|\Z)")


def trim_streams() -> int:
    """Trim every stream to `DEBUG_RETENTION_MINUTES` and return how many entries went. Raises `redis.RedisError`."""
    oldest_ms = int(time.time() * 1000) - settings.DEBUG_RETENTION_MINUTES * 60_000
    trimmed = strays = 0
    with redis.Redis.from_url(settings.DEBUG_REDIS_URL, socket_timeout=10, socket_connect_timeout=2) as client:
        for keys in list_streams(client):
            with client.pipeline(transaction=False) as pipe:
                for key in keys:
                    # Exact: trimmed by whole nodes, a stream of few large entries would keep them all.
                    pipe.xtrim(key, minid=f"{oldest_ms}-0", approximate=False)
                answers = pipe.execute(raise_on_error=False)
            trimmed += sum(answer for answer in answers if isinstance(answer, int))
            for key, answer in zip(keys, answers, strict=True):
                if isinstance(answer, Exception):
                    log.warning("debug.trim_failed", key=key, error=repr(answer))
            strays += _count_added(client, [key for key in keys if is_stray(key)])
    TRIMMED.inc(trimmed)
    cache.set(STRAYS, strays, timeout=None)
    cache.set(LAST_RUN, time.time(), timeout=None)
    return trimmed


def is_stray(key: bytes) -> bool:
    """Say whether a key names no tenant: a tenant's id is a UUID, and comes first."""
    return _OF_TENANT.match(key.removeprefix(settings.DEBUG_STREAM_PREFIX.encode())) is None


def _count_added(client: redis.Redis, keys: list[bytes]) -> int:
    infos: list[Any] = [client.xinfo_stream(key) for key in keys]
    return sum(int(info["entries-added"]) for info in infos)


def list_streams(client: redis.Redis) -> Iterator[list[Any]]:
    """Yield the keys of all streams, some hundred at a time."""
    pattern = re.sub(r"([\[\]*?\\])", r"\\\1", settings.DEBUG_STREAM_PREFIX) + "*"
    cursor: Any = None
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, match=pattern, count=_SCAN, _type="stream")
        if keys:
            yield keys
