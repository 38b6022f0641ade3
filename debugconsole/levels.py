"""What can be measured only by asking, at a scrape: the server of the streams, the janitor, rules without an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import redis
import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from psycopg_pool import PoolTimeout
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from debugconsole.readers.janitor import LAST_RUN, STRAYS
from debugconsole.selectors.policy import count_lasting_rules

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 1.0


class Levels:
    """A collector. What cannot be known now is left out, but for whether the server answers."""

    def collect(self) -> Iterator[Metric]:
        """Ask, a second each at most. Nothing is asked while the console is switched off."""
        if not settings.DEBUG_CONSOLE_ENABLED:
            return
        is_up, memory = _ask_server()
        yield GaugeMetricFamily("debug_redis_up", "Whether the server of the streams answers.", value=float(is_up))
        if memory:
            used, most = float(memory["used_memory"]), float(memory["maxmemory"])
            yield GaugeMetricFamily("debug_stream_bytes", "Memory that the server of the streams uses.", value=used)
            yield GaugeMetricFamily("debug_stream_limit_bytes", "Its maxmemory; 0: none is set.", value=most)
        last_run, strays = cache.get(LAST_RUN), cache.get(STRAYS)
        help_text = "When streams were last trimmed, in seconds since 1970; 0: never that is known."
        yield GaugeMetricFamily("debug_janitor_last_run_seconds", help_text, value=last_run or 0.0)
        if strays is not None:
            yield CounterMetricFamily("debug_uncorrelated", "Entries that name no tenant, so nobody's.", value=strays)
        yield from _count_rules()


def _ask_server() -> tuple[bool, dict[str, Any]]:
    """Say whether it answers us, and return what it says of its memory where it may."""
    try:
        with redis.Redis.from_url(
            settings.DEBUG_REDIS_URL,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            client.ping()
            with suppress(NoPermissionError):
                return True, dict(client.info("memory"))
            return True, {}
    except (redis.RedisError, OSError) as error:
        log.warning("debug.scrape_unreachable", error=repr(error))
        return False, {}


def _count_rules() -> Iterator[Metric]:
    try:
        count = count_lasting_rules()
    except (DatabaseError, psycopg.Error, PoolTimeout) as error:
        log.warning("debug.scrape_rules_unknown", error=repr(error))
        return
    help_text = "Rules that allow watching in production and have no end."
    yield GaugeMetricFamily("debug_policies_lasting", help_text, value=count)
