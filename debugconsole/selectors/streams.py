"""What streams hold, at a glance: for the list of extensions, and for the question why nothing is seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from debugconsole.models import Extension
from debugconsole.wire.keys import stream_key
from debugconsole.wire.lines import parse_entry_id

_SECONDS = 1.0
_LATEST_MS = 253_402_300_799_000
"""The last moment that can be written; an id that somebody made up may be later."""


class StreamGlance:
    """How many entries a stream holds, and when the last was added; None for one that never held any."""

    __slots__ = ("last_at", "length")

    def __init__(self, length: int = 0, last_at: datetime | None = None) -> None:
        self.length = length
        self.last_at = last_at


def get_stream_key(extension: Extension) -> str:
    """Return the key of an extension's stream. The extension comes with its organization."""
    tenant = str(extension.organization.tenant_id)
    return stream_key(settings.DEBUG_STREAM_PREFIX, tenant=tenant, extension=extension.extension_id)


def glance_at_streams(keys: Sequence[str]) -> dict[str, StreamGlance] | None:
    """Look at streams, in one round trip; None when their server does not answer within a second."""
    if not keys:
        return {}
    client = make_sync_client()
    try:
        pipe: Any
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.execute_command("XINFO STREAM", key)
            answers = pipe.execute(raise_on_error=False)
    except (RedisError, OSError):
        return None
    finally:
        client.close()
    return {key: _read(answer) for key, answer in zip(keys, answers, strict=True)}


def make_sync_client() -> redis.Redis:
    """Return a client whose answers are taken as they come: entries may hold any bytes. It does not wait for long."""
    client = redis.Redis.from_url(
        settings.DEBUG_REDIS_URL,
        protocol=2,
        socket_timeout=_SECONDS,
        socket_connect_timeout=_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    for command in ("XINFO STREAM", "XRANGE", "XREVRANGE"):
        client.set_response_callback(command, _take_as_it_is)
    return client


def _read(answer: Any) -> StreamGlance:
    if isinstance(answer, ResponseError):
        return StreamGlance()
    info = dict(zip(answer[::2], answer[1::2], strict=True))
    last_ms = parse_entry_id(info[b"last-generated-id"]).ms
    return StreamGlance(info[b"length"], datetime.fromtimestamp(min(last_ms, _LATEST_MS) / 1000, UTC))


def _take_as_it_is(answer: Any, **options: Any) -> Any:
    return answer
