"""Celery adapters: ids in, one service call. Every task may run twice and run late."""

from __future__ import annotations

from celery import shared_task

from observability.services import day_counts, deletion, purge, retention
from observability.services.blob_sweep import sweep_all_blobs
from observability.services.heartbeat import record_heartbeat
from observability.services.partitions import ensure_current_partitions
from observability.services.rejection_trim import trim_all_rejections

RETENTION_SECONDS = 10
COUNTING_SECONDS = 10


@shared_task(ignore_result=True)
def ensure_partitions() -> None:
    """Make the missing day partitions around today. Beat asks every hour, so a missed hour costs nothing."""
    ensure_current_partitions()


@shared_task(ignore_result=True)
def send_heartbeat() -> None:
    """Show that beat, queue and worker work together."""
    record_heartbeat()


@shared_task(ignore_result=True)
def purge_trace(project_id: int, trace_id: str) -> None:
    """Purge a deleted trace. One that is purged already, or gone, is nothing to do."""
    purge.purge_trace(project_id=project_id, trace_id=trace_id)


@shared_task(ignore_result=True)
def resume_purges() -> None:
    """Purge what a lost message or a crash left behind."""
    for project_id, trace_id in purge.list_unfinished_purges():
        purge.purge_trace(project_id=project_id, trace_id=trace_id)


@shared_task(ignore_result=True)
def run_deletion(deletion_id: int) -> None:
    """Remove a deleted project, or deleted traces; what cannot be removed yet is tried again in half a minute."""
    if not deletion.run_deletion(deletion_id):
        run_deletion.apply_async(args=(deletion_id,), countdown=deletion.AGAIN_AFTER.total_seconds())


@shared_task(ignore_result=True)
def resume_deletions() -> None:
    """Go on with what a lost message or a crash left behind."""
    for deletion_id in deletion.list_unfinished_deletions():
        deletion.run_deletion(deletion_id)


@shared_task(ignore_result=True)
def sweep_blobs() -> None:
    """Remove large values that nothing names any more."""
    sweep_all_blobs()


@shared_task(ignore_result=True)
def trim_rejections() -> None:
    """Keep the newest samples of what was rejected."""
    trim_all_rejections()


@shared_task(ignore_result=True)
def start_retention() -> None:
    """Ask for the daily run, and begin."""
    retention.start_retention()
    run_retention.delay()


@shared_task(ignore_result=True)
def run_retention() -> None:
    """Go on with retention for a few seconds, then leave the worker to others and come again."""
    if retention.work_on_retention(seconds=RETENTION_SECONDS):
        run_retention.delay()


@shared_task(ignore_result=True)
def count_days() -> None:
    """Count the traces of past days for a few seconds, then leave the worker to others and come again."""
    if not day_counts.count_all_days(seconds=COUNTING_SECONDS):
        count_days.delay()
