"""The proof that beat, queue and worker work together: a task that beat sends and a worker does, every few seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.cache import cache
from django.utils import timezone

EVERY = timedelta(seconds=15)
# Three in a row are missing: no coincidence any more.
LATE_AFTER = 3 * EVERY + timedelta(seconds=5)
_KEY = "heartbeat"


def record_heartbeat() -> None:
    """Note that a worker did the task just now."""
    cache.set(_KEY, timezone.now(), timeout=None)


def get_last_heartbeat() -> datetime | None:
    """Return when a worker last did the task; None when it never did."""
    found = cache.get(_KEY)
    return found if isinstance(found, datetime) else None
