"""Counting the traces of whole days once, so that facets and bars need not (docs/adr/0011).

What is remembered of a day is exact in every snapshot of the database, because its row in `trace_days` is a lock:

1. Whoever changes which traces of a past day are visible, or what is counted of one (the writer, deleting, restoring,
   retention), takes the row in that transaction, after the rows of the traces, and empties it (`FORGET_DAYS`, which
   inserts it where it is missing). They hold it until their commit.
2. Whoever counts takes the row first, and looks at the traces by a later statement of the same transaction. Under READ
   COMMITTED that statement sees all that was committed before the row could be had. So a change is either counted, or
   its transaction waits for the row, and empties it after the counts were stored.
3. A reader takes the counts by one statement, which also says whether they are still there (`selectors/windows.py`).

Counting waits for nobody, and holds up whoever changes the day for as long as it takes: milliseconds for thousands of
traces. It takes no other lock, so it is in no deadlock. On Citus the rows of a project lie on one node, and each of
these statements is that node's alone, so the same holds there.

A row is removed by retention alone, when its day is past, and by deleting the project; both wait for it like anybody.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg import errors

from observability.ingest.past_days import REMEMBERED_AFTER, find_end_of_past
from observability.ingest.statements import to_us
from observability.models import Project, Trace, TraceDay
from observability.selectors.production import NO_RERUN_SQL, NO_RERUNS

log = structlog.get_logger(__name__)

FEWEST_TRACES = 5_000
"""A project with fewer is counted quickly enough each time."""
MOST_DAYS = 400
MOST_GROUPS = 20_000
"""Different facets, or users, of a day: with more of either, neither is remembered."""
_DAY = timedelta(days=1)
_TIMEOUT_MS = 10_000

# Postgres takes a new snapshot for each statement: the counts must not be of one from before the lock was had.
_BEGIN = (
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    f"SET LOCAL statement_timeout = {_TIMEOUT_MS}",
    "SET LOCAL lock_timeout = 500",
)
_MAKE_ROW = "INSERT INTO trace_days (project_id, day) VALUES (%(project)s, %(day)s) ON CONFLICT DO NOTHING"
# Who holds it is about to change the day, or counts it.
_LOCK_ROW = """
SELECT FROM trace_days WHERE project_id = %(project)s AND day = %(day)s AND hours IS NULL FOR UPDATE SKIP LOCKED
"""
_OF_DAY = f"""
FROM traces WHERE project_id = %(project)s AND started_at >= %(since)s AND started_at < %(until)s
AND deleted_at IS NULL AND {NO_RERUN_SQL}
"""
_COUNT_HOURS = f"""
SELECT date_bin('1 hour', started_at, %(since)s), status, count(*) {_OF_DAY} GROUP BY 1, 2 ORDER BY 1, 2
"""
_COUNT_GROUPS = f"""
SELECT facets_hash, max(started_at), user_id, status, count(*) {_OF_DAY}
GROUP BY GROUPING SETS ((facets_hash), (user_id, status)) LIMIT %(most)s
"""
_STORE = """
UPDATE trace_days SET size = %(size)s,
    hours = %(hours)s, hour_statuses = %(hour_statuses)s::text[], hour_traces = %(hour_traces)s::int[],
    facet_hashes = %(facet_hashes)s::bigint[], facet_latest = %(facet_latest)s, facet_traces = %(facet_traces)s::int[],
    user_ids = %(user_ids)s::text[], user_statuses = %(user_statuses)s::text[], user_traces = %(user_traces)s::int[]
WHERE project_id = %(project)s AND day = %(day)s
"""


def count_all_days(*, seconds: float) -> bool:
    """Count what is not remembered of any project, for about so many seconds; say whether all was done."""
    end = time.monotonic() + seconds
    projects = Project.objects.filter(deleted_at=None).order_by("pk").values_list("pk", flat=True)
    for project_id in projects.iterator():
        for day in list_uncounted_days(project_id):
            if time.monotonic() >= end:
                return False
            count_day(project_id, day)
    return True


def list_uncounted_days(project_id: int) -> list[date]:
    """Return the past days of which nothing is remembered, the newest first; none for a small project.

    Three queries: two on `traces_newest`, one on the primary key of `trace_days`.
    """
    until = datetime.fromtimestamp(find_end_of_past(to_us(timezone.now()), REMEMBERED_AFTER) // 1_000_000, UTC)
    traces = Trace.objects.filter(NO_RERUNS, project_id=project_id, deleted_at=None, started_at__lt=until)
    starts = traces.values_list("started_at", flat=True)
    if not starts.order_by("-started_at", "-trace_id")[FEWEST_TRACES - 1 : FEWEST_TRACES]:
        return []
    oldest = starts.filter(started_at__gte=until - MOST_DAYS * _DAY).order_by("started_at", "trace_id").first()
    days = 0 if oldest is None else (until.date() - oldest.date()).days
    wanted = [until.date() - number * _DAY for number in range(1, days + 1)]
    remembered = TraceDay.objects.filter(project_id=project_id, day__in=wanted, hours__isnull=False)
    known = set(remembered.values_list("day", flat=True))
    return [day for day in wanted if day not in known]


def count_day(project_id: int, day: date) -> bool:
    """Count a past day's traces and remember it; say whether it was done.

    Not done where somebody has the day's row, or there are counts already. Idempotent.
    """
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    asked: dict[str, Any] = {"project": project_id, "day": day, "since": since, "until": since + _DAY}
    try:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            for statement in _BEGIN:
                cursor.execute(statement)
            cursor.execute(_MAKE_ROW, asked)
            cursor.execute(_LOCK_ROW, asked)
            if cursor.fetchone() is None:
                return False
            cursor.execute(_STORE, asked | _count(cursor, asked))
    except OperationalError as error:
        if not isinstance(error.__cause__, errors.LockNotAvailable | errors.QueryCanceled):
            raise
        log.warning("day_counts.not_counted", project_id=project_id, day=str(day), error=str(error))
        return False
    return True


def _count(cursor: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be stored. The caller holds the day's row."""
    cursor.execute(_COUNT_HOURS, asked)
    hours = cursor.fetchall()
    cursor.execute(_COUNT_GROUPS, asked | {"most": MOST_GROUPS + 1})
    groups = cursor.fetchall()
    is_varied = len(groups) > MOST_GROUPS
    facets = [(key, latest, traces) for key, latest, _, _, traces in groups if key is not None]
    users = [(user, status, traces) for key, _, user, status, traces in groups if key is None and user]
    return {
        "size": len(hours) if is_varied else len(hours) + len(facets) + len(users),
        **_name_columns(("hours", "hour_statuses", "hour_traces"), hours),
        **_name_columns(("facet_hashes", "facet_latest", "facet_traces"), None if is_varied else facets),
        **_name_columns(("user_ids", "user_statuses", "user_traces"), None if is_varied else users),
    }


def _name_columns(names: tuple[str, ...], rows: Sequence[tuple[Any, ...]] | None) -> dict[str, list[Any] | None]:
    if rows is None:
        return dict.fromkeys(names)
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}
