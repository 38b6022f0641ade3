"""Lines of nobody: entries that name no tenant, such as what the runner prints of a guest's stderr (contract, 1.4).

Nobody can tell whose they are, so no tenant is shown them; operators are, who look for why something is missing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from debugconsole.readers.backfill import oldest_shown_ms
from debugconsole.readers.janitor import is_stray, list_streams
from debugconsole.wire.envelope import Cause
from debugconsole.wire.lines import Line, parse_entry_id
from debugconsole.wire.prepare import Preparer, Source, Unshown
from observability.ingest.redaction import compile_rules

MOST_STREAMS = 200
MOST_LINES = 200
_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class StrayStream:
    """One stream of nobody's lines."""

    key: str
    length: int
    added: int
    last_id: str
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class StrayLines:
    """The last lines of one, newest first, and how many of the entries among them are not shown, by cause."""

    lines: list[Line]
    unshown: dict[Cause, int]


def list_stray_streams() -> list[StrayStream]:
    """Return them, the latest first; as many as `MOST_STREAMS`. Raises `redis.RedisError`."""
    found: list[StrayStream] = []
    with _connect() as client:
        for keys in list_streams(client):
            for key in keys:
                if is_stray(key) and len(found) < MOST_STREAMS:
                    found.append(_describe(key.decode(errors="replace"), client.xinfo_stream(key)))
    return sorted(found, key=lambda stream: parse_entry_id(stream.last_id), reverse=True)


def read_stray_lines(key: str) -> StrayLines:
    """Return the last lines of a stream of nobody's, without their secrets. Raises `LookupError` for all other keys."""
    if not key.startswith(settings.DEBUG_STREAM_PREFIX) or not is_stray(key.encode()):
        raise LookupError(key)
    source = Source(prefix=settings.DEBUG_STREAM_PREFIX, key=key, tenant=None, extension=None)
    preparer = Preparer(source, compile_rules())
    with _connect() as client:
        client.set_response_callback("XREVRANGE", lambda answer, **options: answer)
        entries: list[Any] = client.execute_command("XREVRANGE", key, "+", "-", "COUNT", MOST_LINES)
    lines: list[Line] = []
    unshown: Counter[Cause] = Counter()
    # In their order, so that a private key that goes on is known to have begun.
    for raw_id, pairs in reversed(entries):
        entry_id = parse_entry_id(raw_id)
        item = preparer.prepare(entry_id, pairs or [], 0)
        if entry_id.ms < oldest_shown_ms():
            unshown[Cause.RETENTION] += 1
        elif isinstance(item, Unshown):
            unshown[item.cause] += 1
        else:
            lines.append(item.line)
    return StrayLines(lines[::-1], dict(unshown))


def _connect() -> Any:
    return redis.Redis.from_url(
        settings.DEBUG_REDIS_URL,
        protocol=2,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _describe(key: str, info: dict[str, Any]) -> StrayStream:
    last_id = parse_entry_id(info["last-generated-id"])
    try:
        last_at = datetime.fromtimestamp(last_id.ms / 1000, UTC) if last_id.ms else None
    except (ValueError, OverflowError, OSError):
        # An id that somebody wrote by hand may be any number.
        last_at = None
    return StrayStream(key, int(info["length"]), int(info["entries-added"]), str(last_id), last_at)
