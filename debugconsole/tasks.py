"""Celery adapters: one service call each. Every task may run twice and run late."""

from __future__ import annotations

import redis
import structlog
from celery import shared_task

from debugconsole.readers import janitor
from debugconsole.services import sessions

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def trim_streams() -> None:
    """Trim debug streams of what is too old. A server that is away is trimmed when it is back."""
    try:
        janitor.trim_streams()
    except (redis.RedisError, OSError) as error:
        log.warning("debug.trim_unavailable", error=repr(error))


@shared_task(ignore_result=True)
def sweep_sessions() -> None:
    """End the sessions that nobody ended."""
    sessions.sweep_sessions()
