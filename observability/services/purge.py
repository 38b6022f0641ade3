"""Deleting a trace: hidden at once, a while to take it back, then purged in bounded batches, then a tombstone.

1. `delete_trace` marks the row in one short transaction. From then on no read shows the trace, and the writer, which
   locks the same row, refuses whatever is still sent of it (`trace_deleted`).
2. For `GRACE` nothing else happens, and `restore_traces` brings it back whole; what was refused meanwhile is not.
   The first batch of the purge locks the row and sets `purging_at`: whoever has the row first decides, so that a trace
   is restored with all its rows or not at all. Deleting it again starts the wait again, and the purge that the first
   deletion asked for finds it too early.
3. `purge_trace` deletes its events with their values, its log records and search documents, a batch per transaction,
   and takes each event out of the hourly figures of its tool or prompt. `event_count` and `log_count` of the hidden
   row say what is left. A purge that is interrupted is taken up where it stopped. Values in blob storage go with the
   next sweep (`blob_sweep`), because other traces may name the same content.
4. The row stays with `purged_at` and without any content: so that a client that goes on sending does not bring the
   trace back, and so that events inferred from a session's order of runs stay where they were.

Two purges of one trace take turns, because each batch locks the row; locks are taken in the writer's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from asgiref.sync import async_to_sync
from celery import current_app
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from observability import live
from observability.errors import NotFoundError
from observability.ingest.past_days import FORGET_DAYS, list_past_days
from observability.ingest.statements import EVENTS, STORE_STEP_HOURS, decode_event, decode_summary, to_us
from observability.ingest.step_figures import StepFigures
from observability.ingest.summaries import empty_summary
from observability.models import Event, Trace

log = structlog.get_logger(__name__)

BATCH_ROWS = 2_000
GRACE = timedelta(seconds=30)


def delete_trace(*, project_id: int, trace_id: str, is_purge_requested: bool = True) -> None:
    """Hide a trace and have it purged. Raises `NotFoundError`, also for one that is deleted already.

    A caller that deletes very many purges them itself and requests nothing.
    """
    with transaction.atomic():
        trace = _select(project_id, trace_id).select_for_update().filter(deleted_at=None).values().first()
        if trace is None:
            raise NotFoundError("No such trace.")
        now = timezone.now()
        version = trace["version"] + 1
        _select(project_id, trace_id).update(deleted_at=now, updated_at=now, version=version)
        _forget_day(project_id, trace["started_at"])
        figures = StepFigures()
        figures.move_workflow(decode_summary(dict(trace)), empty_summary(project_id, trace_id))
        _store_figures(figures)
        if is_purge_requested:
            transaction.on_commit(lambda: _request_purge(project_id, trace_id), robust=True)
        transaction.on_commit(lambda: _announce(project_id, trace_id, version), robust=True)


def restore_traces(*, project_id: int, trace_ids: Sequence[str]) -> list[str]:
    """Show deleted traces again, whole, and return those it could bring back: whose purge has not begun.

    A transaction each, so that one does not wait for another's purge to end its batch.
    """
    return [trace_id for trace_id in dict.fromkeys(trace_ids) if _restore(project_id, trace_id)]


@transaction.atomic
def _restore(project_id: int, trace_id: str) -> bool:
    waiting = _select(project_id, trace_id).select_for_update().filter(deleted_at__isnull=False, purging_at=None)
    trace = waiting.filter(purged_at=None).values().first()
    if trace is None:
        return False
    version = trace["version"] + 1
    _select(project_id, trace_id).update(deleted_at=None, updated_at=timezone.now(), version=version)
    _forget_day(project_id, trace["started_at"])
    figures = StepFigures()
    figures.move_workflow(None, decode_summary(dict(trace)))
    _store_figures(figures)
    transaction.on_commit(lambda: _announce(project_id, trace_id, version), robust=True)
    return True


def purge_trace(*, project_id: int, trace_id: str) -> int:
    """Purge a deleted trace to the end and return how many events and log records went. Idempotent.

    A trace that is not deleted, deleted less than `GRACE` ago, or purged already is left alone.
    """
    removed = sum(purge_in_batches(project_id=project_id, trace_id=trace_id, grace=GRACE))
    if removed:
        log.info("trace.purged", project_id=project_id, trace_id=trace_id, rows=removed)
    return removed


def purge_in_batches(*, project_id: int, trace_id: str, grace: timedelta) -> Iterator[int]:
    """Purge a trace that was deleted at least `grace` ago, and yield the rows of each batch once it is committed."""
    while (batch := _purge_batch(project_id, trace_id, grace)) is not None:
        yield batch


def list_unfinished_purges(limit: int = 1_000) -> list[tuple[int, str]]:
    """Return (project, trace) of purges that a lost message or a crash left behind. Served by `traces_deleted`."""
    waiting = Trace.objects.filter(deleted_at__lte=timezone.now() - GRACE, purged_at=None).order_by("deleted_at")
    return list(waiting.values_list("project_id", "trace_id")[:limit])


def _purge_batch(project_id: int, trace_id: str, grace: timedelta) -> int | None:
    """Purge one batch in a transaction and return its rows; None when nothing is left to do."""
    with transaction.atomic():
        trace = (
            _select(project_id, trace_id)
            .select_for_update()
            .filter(deleted_at__lte=timezone.now() - grace, purged_at=None)
            .values("started_at", "workflow_name", "purging_at")
            .first()
        )
        if trace is None:
            return None
        if trace["purging_at"] is None:
            _select(project_id, trace_id).update(purging_at=timezone.now())
        since: datetime = trace["started_at"]
        events = _purge_events(project_id, trace_id, since, trace["workflow_name"])
        logs = 0 if events else _purge_logs(project_id, trace_id, since)
        if not events and not logs:
            # Of the whole trace at once: a document is small, and there is one a commit.
            _purge_documents(project_id, trace_id, since)
            _make_tombstone(project_id, trace_id)
            return None
        _select(project_id, trace_id).update(event_count=F("event_count") - events, log_count=F("log_count") - logs)
        return events + logs


def _purge_events(project_id: int, trace_id: str, since: datetime, workflow_name: str) -> int:
    """Delete the first batch of events with their values, and take them out of the hourly figures."""
    first = Event.objects.filter(project_id=project_id, trace_id=trace_id, started_at__gte=since)
    rows = list(first.order_by("started_at", "span_id").values_list(*EVENTS.columns)[:BATCH_ROWS])
    if not rows:
        return 0
    figures = StepFigures()
    events = [decode_event(row) for row in rows]
    for event in events:
        figures.move_call(event, None, workflow_name)
    keys = [[row[EVENTS.columns.index(column)] for row in rows] for column in ("started_at", "span_id")]
    with connection.cursor() as cursor:
        for statement in (_DELETE_PAYLOADS, _DELETE_EVENTS):
            cursor.execute(
                statement,
                {
                    "project": project_id,
                    "trace": trace_id,
                    "first": keys[0][0],
                    "last": keys[0][-1],
                    "times": keys[0],
                    "spans": keys[1],
                },
            )
    _store_figures(figures)
    return len(rows)


# The range beside the keys lets the planner drop the partitions of other days.
_BY_KEYS = """
    WHERE project_id = %(project)s AND trace_id = %(trace)s AND started_at BETWEEN %(first)s AND %(last)s
    AND (started_at, span_id) IN (SELECT * FROM unnest(%(times)s::timestamptz[], %(spans)s::text[]))
"""
_DELETE_EVENTS = f"DELETE FROM events {_BY_KEYS}"  # noqa: S608 - a constant
_DELETE_PAYLOADS = f"DELETE FROM payloads {_BY_KEYS}"  # noqa: S608 - a constant


def _purge_logs(project_id: int, trace_id: str, since: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM log_records
            WHERE project_id = %(project)s AND trace_id = %(trace)s AND logged_at >= %(since)s
            AND (logged_at, record_hash) IN (
                SELECT logged_at, record_hash FROM log_records
                WHERE project_id = %(project)s AND trace_id = %(trace)s AND logged_at >= %(since)s
                ORDER BY logged_at, record_hash LIMIT %(limit)s
            )
            """,
            {"project": project_id, "trace": trace_id, "since": since, "limit": BATCH_ROWS},
        )
        return int(cursor.rowcount)


def _purge_documents(project_id: int, trace_id: str, since: datetime) -> None:
    """Delete the trace's search documents, and the segments in which no other trace has one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM search_documents WHERE project_id = %s AND trace_id = %s AND started_at >= %s "
            "RETURNING segment_id",
            [project_id, trace_id, since],
        )
        segments = [segment_id for (segment_id,) in cursor.fetchall()]
        cursor.execute(
            """
            DELETE FROM search_segments AS s
            WHERE s.project_id = %(project)s AND s.started_at >= %(since)s AND s.segment_id = ANY(%(segments)s)
            AND NOT EXISTS (
                SELECT FROM search_documents AS d
                WHERE d.project_id = %(project)s AND d.segment_id = s.segment_id
                AND d.started_at >= %(since)s - interval '1 day'
            )
            """,
            {"project": project_id, "since": since, "segments": segments},
        )


def _make_tombstone(project_id: int, trace_id: str) -> None:
    """Leave of the row what keeps the trace deleted and its session's runs apart."""
    _select(project_id, trace_id).update(
        purged_at=timezone.now(),
        event_count=0,
        open_count=0,
        error_count=0,
        log_count=0,
        unpriced_count=0,
        input_tokens=0,
        output_tokens=0,
        total_tokens=0,
        cost_micros=None,
        workflow_name="",
        model_names=[],
        tags=[],
        fold_state={},
        **dict.fromkeys(_CONTENT),
    )


_CONTENT = (
    "user_id",
    "environment",
    "service_name",
    "service_version",
    "correlation_id",
    "agent_name",
    "input_preview",
    "output_preview",
    "error_message",
)


def _select(project_id: int, trace_id: str) -> QuerySet[Trace]:
    return Trace.objects.filter(project_id=project_id, trace_id=trace_id)


def _forget_day(project_id: int, started_at: datetime) -> None:
    """Put the day in question, if it is past, because a trace of it is hidden or shown."""
    days = list_past_days([(project_id, to_us(started_at))], to_us(timezone.now()))
    if days:
        with connection.cursor() as cursor:
            cursor.execute(FORGET_DAYS, [list(column) for column in zip(*days, strict=True)])


def _store_figures(figures: StepFigures) -> None:
    hours = figures.list_hours()
    if hours:
        with connection.cursor() as cursor:
            cursor.execute(STORE_STEP_HOURS, [list(column) for column in zip(*hours, strict=True)])


def _request_purge(project_id: int, trace_id: str) -> None:
    # By name: tasks call services, never the other way about. Not tried again: the periodic sweep finds what is left.
    # A second more than the wait, so that it does not come too early by a clock's hair and is left to the sweep.
    countdown = GRACE.total_seconds() + 1
    current_app.send_task(
        "observability.tasks.purge_trace", args=[project_id, trace_id], countdown=countdown, retry=False
    )


def _announce(project_id: int, trace_id: str, version: int) -> None:
    async def announce() -> None:
        live.announce({(project_id, trace_id): version})

    async_to_sync(announce)()
