"""Celery adapters: ids in, one service call. Every task may run twice and run late."""

from __future__ import annotations

from celery import shared_task

from observability.services.heartbeat import record_heartbeat
from observability.services.partitions import ensure_current_partitions


@shared_task(ignore_result=True)
def ensure_partitions() -> None:
    """Make the missing day partitions around today. Beat asks every hour, so a missed hour costs nothing."""
    ensure_current_partitions()


@shared_task(ignore_result=True)
def send_heartbeat() -> None:
    """Show that beat, queue and worker work together."""
    record_heartbeat()
