"""Deleting what is past its time, one project's rows in bounded batches.

A trace expires whole when the day it started is past. Every event, value, log record and search document of a day that
is past belongs to such a trace, because no trace starts after its events; so these rows are found by their own time,
without looking at traces. Only a trace that went on past the day has rows elsewhere: it is purged like one that
somebody deleted, which also takes it out of the hourly figures that stay.

`expire_project` is a generator: each batch is a transaction of its own, committed before the batch is yielded. Whoever
runs it sets the pace, counts, and may stop at any yield. Nothing is remembered between batches but a key to go on from,
so an interrupted run is simply started again.

Traces go first: then nothing shows what is being removed. A client that sends to an expired trace again starts a new
one of that id. Rows that ingest is writing at that moment are skipped (`SKIP LOCKED`), and go the next day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg import errors

from observability.errors import NotFoundError
from observability.ingest.past_days import FORGET_DAYS
from observability.services import purge

BATCH_ROWS = 2_000
BATCH_GROUPS = 50
"""Error groups, each of which is looked for in every day that is kept."""

Range = tuple[datetime | None, datetime]
"""From a moment, or from ever, up to another."""
Ranges = Mapping[str, Sequence[Range]]
"""Where to look, by table."""
EVER = "-infinity"
"""Before every moment, for Postgres."""

Batch = tuple[str, int]
"""A table, and how many of its rows one transaction removed."""


@dataclass(frozen=True, slots=True)
class TimedTable:
    """A table whose rows expire by a time of their own. `keys` is its primary key behind the project."""

    name: str
    keys: tuple[str, ...]
    time: str


DAY_TABLES = (
    TimedTable("payloads", ("trace_id", "started_at", "span_id"), "started_at"),
    TimedTable("search_documents", ("trace_id", "started_at", "version", "part"), "started_at"),
    # A segment's time is that of its latest document.
    TimedTable("search_segments", ("started_at", "segment_id"), "started_at"),
    TimedTable("log_records", ("trace_id", "logged_at", "record_hash"), "logged_at"),
    TimedTable("events", ("trace_id", "started_at", "span_id"), "started_at"),
)
"""Tables that have a partition for each day."""

OTHER_TABLES = (
    TimedTable("trace_days", ("day",), "day"),
    TimedTable("step_hours", ("kind", "key", "hour"), "hour"),
    TimedTable("ingest_counts", ("door", "hour", "code"), "hour"),
    TimedTable("key_days", ("public_id", "day", "code"), "day"),
    TimedTable("ingest_rejections", ("id",), "received_at"),
    TimedTable("sdk_sessions", ("session_id",), "last_seen_at"),
)


def expire_project(project_id: int, *, before: datetime, ranges: Ranges) -> Iterator[Batch]:
    """Delete what the project stored before the start of a day, and yield after each batch.

    `ranges` says for each of `DAY_TABLES` where to look; days that are about to be dropped whole are left out of it.
    """
    yield from _expire_traces(project_id, before)
    for table in DAY_TABLES:
        for within in ranges[table.name]:
            yield from _expire_rows(table, project_id, within)
    for table in OTHER_TABLES:
        yield from _expire_rows(table, project_id, (None, before))
    yield from _expire_error_groups(project_id, before)


def count_expired(project_id: int, *, before: datetime) -> dict[str, int]:
    """Count by table what `expire_project` and dropped days would remove. Reads all of it: for dry runs."""
    ever: dict[str, Any] = {"project": project_id, "since": EVER, "until": before}
    counts = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '10min'")
        for name, time in [
            ("traces", "started_at"),
            *((table.name, table.time) for table in DAY_TABLES + OTHER_TABLES),
        ]:
            cursor.execute(f"SELECT count(*) FROM {name} WHERE {_within(time)}", ever)  # noqa: S608 - names from above
            counts[name] = int(cursor.fetchone()[0])
    return {name: count for name, count in counts.items() if count}


# --- Traces -----------------------------------------------------------------------------------------------------------

# Served by `traces_newest`. `last_us` is the latest moment that an event or log record of the trace reached.
_FIND_TRACES = """
SELECT trace_id, started_at, coalesce((fold_state ->> 'last_us')::bigint, 0) >= %(until_us)s AS goes_on
FROM traces
WHERE project_id = %(project)s AND started_at < %(until)s
    AND (%(after)s::timestamptz IS NULL OR (started_at, trace_id) > (%(after)s::timestamptz, %(after_id)s))
ORDER BY started_at, trace_id LIMIT %(limit)s
"""
# Locked in the writer's order, and looked at again under the lock: it may have gone on since it was found.
_LOCK_TRACES = """
SELECT trace_id, started_at FROM traces
WHERE project_id = %(project)s AND trace_id = ANY(%(traces)s) AND started_at < %(until)s
    AND coalesce((fold_state ->> 'last_us')::bigint, 0) < %(until_us)s
ORDER BY trace_id FOR UPDATE SKIP LOCKED
"""
_DELETE_TRACES = "DELETE FROM traces WHERE project_id = %(project)s AND trace_id = ANY(%(traces)s)"


def _expire_traces(project_id: int, before: datetime) -> Iterator[Batch]:
    asked: dict[str, Any] = {
        "project": project_id,
        "until": before,
        "until_us": round(before.timestamp()) * 1_000_000,
        "limit": BATCH_ROWS,
        "after": None,
        "after_id": "",
    }
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FIND_TRACES, asked)
            found = cursor.fetchall()
        if not found:
            return
        for trace_id in [trace_id for trace_id, _, goes_on in found if goes_on]:
            yield from _purge(project_id, trace_id)
        yield "traces", _delete_traces(asked | {"traces": [row[0] for row in found]})
        asked |= {"after_id": found[-1][0], "after": found[-1][1]}


def _purge(project_id: int, trace_id: str) -> Iterator[Batch]:
    """Hide and purge a trace with rows in days that are kept. What is left of it has no moments, and goes next."""
    # One that somebody deleted already may be under way: the two purges take turns.
    with suppress(NotFoundError):
        purge.delete_trace(project_id=project_id, trace_id=trace_id, is_purge_requested=False)
    for rows in purge.purge_in_batches(project_id=project_id, trace_id=trace_id, grace=timedelta(0)):
        yield "events", rows


def _delete_traces(asked: dict[str, Any]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK_TRACES, asked)
        locked = cursor.fetchall()
        cursor.execute(_DELETE_TRACES, asked | {"traces": [row[0] for row in locked]})
        count = int(cursor.rowcount)
        days = sorted({started_at.date() for _, started_at in locked})
        cursor.execute(FORGET_DAYS, [[asked["project"]] * len(days), days])
        return count


# --- Rows by their own time -------------------------------------------------------------------------------------------


def _expire_rows(table: TimedTable, project_id: int, within: Range) -> Iterator[Batch]:
    """Walk along the primary key: find where the batch ends, delete up to there, go on from there."""
    keys = ", ".join(table.keys)
    past, upto = (
        f"AND ({keys}) {sign} ({', '.join(f'%({name}_{place})s' for place in range(len(table.keys)))})"
        for name, sign in (("after", ">"), ("last", "<="))
    )
    asked: dict[str, Any] = {"project": project_id, "since": within[0] or EVER, "until": within[1]}
    asked["offset"] = BATCH_ROWS - 1
    rows_of = f"FROM {table.name} WHERE {_within(table.time)}"
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT {keys} {rows_of} ORDER BY {keys} OFFSET %(offset)s LIMIT 1", asked)
            last = cursor.fetchone()
            asked |= _name("last", last)
            cursor.execute(f"DELETE {rows_of} {upto if last else ''}", asked)
            rows = int(cursor.rowcount)
        if rows:
            yield table.name, rows
        if last is None:
            return
        asked |= _name("after", last)
        if past not in rows_of:
            rows_of += f" {past}"


def _name(prefix: str, key: Sequence[Any] | None) -> dict[str, Any]:
    return {f"{prefix}_{place}": value for place, value in enumerate(key or ())}


def _within(time: str) -> str:
    """Return the condition for a project's rows of a range."""
    return f"project_id = %(project)s AND {time} >= %(since)s AND {time} < %(until)s"


# --- Error groups -----------------------------------------------------------------------------------------------------

# A group is written once and named by every later event of its error, so its own age says nothing.
_UNNAMED = """
project_id = %(project)s AND NOT EXISTS (
    SELECT FROM events AS e WHERE e.project_id = %(project)s AND e.error_fingerprint = error_groups.fingerprint
    AND e.started_at >= %(until)s
)
"""
_FIND_GROUPS = f"""
SELECT fingerprint FROM error_groups WHERE {_UNNAMED} AND fingerprint > %(after)s ORDER BY fingerprint LIMIT %(limit)s
"""  # noqa: S608 - a constant
_DELETE_GROUPS = f"DELETE FROM error_groups WHERE {_UNNAMED} AND fingerprint = ANY(%(found)s)"  # noqa: S608 - a constant


def _expire_error_groups(project_id: int, before: datetime) -> Iterator[Batch]:
    """Delete what no event stands for any more.

    The writer inserts a group after its events, unless it is there. With writers kept out for a moment, either their
    events are seen here, or they find the group gone and insert it again.
    """
    asked: dict[str, Any] = {"project": project_id, "until": before, "after": "", "limit": BATCH_GROUPS}
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FIND_GROUPS, asked)
            found = [row[0] for row in cursor]
        if not found:
            return
        try:
            yield "error_groups", _delete_groups(asked | {"found": found})
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable):
                raise
            # A long transaction has the table; they go the next day.
            return
        asked["after"] = found[-1]


def _delete_groups(asked: dict[str, Any]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '500ms'")
        cursor.execute("LOCK TABLE error_groups IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(_DELETE_GROUPS, asked)
        return int(cursor.rowcount)
