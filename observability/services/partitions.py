"""Day partitions of the store: make them ahead, list them, drop them whole.

Days are UTC. A day becomes a partition of its own in one transaction that is safe beside running ingest and
whatever the default partition already holds. Per table and day:

1. `LOCK TABLE <parent> IN SHARE ROW EXCLUSIVE MODE`: writers wait, readers do not. A writer that chose its partition
   before step 5 and stored after it would be refused by Postgres ("violates partition constraint"), so none may be
   under way. The lock also puts two runs of this code one after the other; the second finds the day done.
2. Lock the default partition exclusively: its rows of that day are about to leave it.
3. Create the table alone, with the parent's columns, indexes, defaults and storage.
4. Move the day's rows out of the default partition.
5. Attach it. Postgres checks the default partition for rows of that day, and finds none.

Every lock is waited for at most `LOCK_TIMEOUT_MS`, less than Postgres' deadlock timeout (1 s): whatever the order of
other people's locks, this code gives way first, and retries. `CREATE TABLE ... PARTITION OF` would be one statement,
but locks readers out, and fails when the default partition holds rows of that day.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from psycopg import errors, sql

from observability.errors import InvalidError
from observability.sql.operations import go_shard_by_shard
from observability.sql.store import PARTITIONED

log = structlog.get_logger(__name__)

TIME_COLUMNS = {table: "logged_at" if table == "log_records" else "started_at" for table in PARTITIONED}
LOCK_TIMEOUT_MS = 500
LOCK_ATTEMPTS = 20
DROP_TIMEOUT_MS = 50
DROP_ATTEMPTS = 60

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: the first day it holds and the first day after it; both None for the default partition."""

    table: str
    name: str
    first_day: date | None
    end_day: date | None
    estimated_rows: int
    total_bytes: int

    @property
    def is_default(self) -> bool:
        """Say whether it takes what no other partition takes."""
        return self.first_day is None

    def covers(self, day: date) -> bool:
        """Say whether rows of that day lie here by their time."""
        return self.first_day is not None and self.end_day is not None and self.first_day <= day < self.end_day


def ensure_partitions(first_day: date, last_day: date) -> list[str]:
    """Make the missing day partitions of every table, both days included; return the names made.

    Idempotent, and safe to run twice at once. Costs one catalog query a table when nothing is missing. Raises
    `InvalidError` when the days are in the wrong order, `OperationalError` when a lock stayed taken.
    """
    if last_day < first_day:
        raise InvalidError(f"last day: {last_day} is before the first day {first_day}")
    made = []
    for table in PARTITIONED:
        present = list_partitions(table)
        for day in _days(first_day, last_day):
            if not any(partition.covers(day) for partition in present):
                made += _with_lock_retries(partial(_make_partition, table, day))
    if made:
        log.info("partitions.made", count=len(made), first_day=str(first_day), last_day=str(last_day))
    return made


def ensure_current_partitions() -> list[str]:
    """Make the missing partitions of the days around today that settings ask for."""
    today = timezone.now().date()
    return ensure_partitions(
        today - timedelta(days=settings.PARTITION_DAYS_BACK), today + timedelta(days=settings.PARTITION_DAYS_AHEAD)
    )


def list_partitions(table: str) -> list[Partition]:
    """Return the table's partitions by day, the default partition last. Row counts are the planner's estimates."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT child.relname, pg_get_expr(child.relpartbound, child.oid),
                   greatest(child.reltuples, 0)::bigint, pg_total_relation_size(child.oid)
            FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
            WHERE inhparent = to_regclass(%s)
            """,
            [table],
        )
        found = [_read_partition(table, *row) for row in cursor.fetchall()]
    return sorted(found, key=lambda partition: (partition.is_default, partition.first_day or date.max))


def drop_partitions(before_day: date) -> list[str]:
    """Drop every partition that ends on or before the start of that day, with all its rows; return the names.

    The default partition stays. Each drop is a transaction of its own and locks its table for a moment.
    """
    dropped = [
        partition.name
        for table in PARTITIONED
        for partition in list_partitions(table)
        if partition.end_day is not None and partition.end_day <= before_day and drop_partition(partition)
    ]
    if dropped:
        log.info("partitions.dropped", count=len(dropped), before_day=str(before_day))
    return dropped


def drop_partition(partition: Partition, *, keep_for: Sequence[int] = ()) -> bool:
    """Drop a partition unless one of these projects has a row in it; say whether it is gone.

    Its size does not matter: files are removed after the locks are given back. A drop locks the parent against readers
    too, and `DETACH ... CONCURRENTLY`, which would not, is refused where there is a default partition. So it waits for
    the lock `DROP_TIMEOUT_MS` at most, which is how long readers may queue behind it, and tries again.
    Raises `OperationalError` when a lock stayed taken.
    """

    def drop() -> bool:
        with transaction.atomic(), connection.cursor() as cursor:
            _begin(cursor, lock_timeout_ms=DROP_TIMEOUT_MS)
            name = sql.Identifier(partition.name)
            if keep_for:
                # Writers wait from here on, so that none stores a row that is looked for.
                _run(cursor, sql.SQL("LOCK TABLE {} IN SHARE MODE").format(name))
                if _holds_rows(cursor, partition, keep_for):
                    return False
            _run(cursor, sql.SQL("DROP TABLE IF EXISTS {}").format(name))
            return True

    return _with_lock_retries(drop, attempts=DROP_ATTEMPTS)


def holds_rows(partition: Partition, project_ids: Sequence[int]) -> bool:
    """Say whether any of these projects has a row in the partition. Served by its primary key."""
    with connection.cursor() as cursor:
        return _holds_rows(cursor, partition, project_ids)


def _holds_rows(cursor: CursorWrapper, partition: Partition, project_ids: Sequence[int]) -> bool:
    exists = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE project_id = ANY(%s))").format(sql.Identifier(partition.name))
    cursor.execute(exists.as_string(), [list(project_ids)])
    return bool(cursor.fetchone()[0])


def count_days_ahead() -> int:
    """Return how many days after today have partitions in every table without a gap; -1 when even today has none."""
    return min(_count_days_ahead(table) for table in PARTITIONED)


def _count_days_ahead(table: str) -> int:
    partitions = list_partitions(table)
    day = timezone.now().date()
    ahead = -1
    while any(partition.covers(day) for partition in partitions):
        ahead += 1
        day += timedelta(days=1)
    return ahead


def _days(first_day: date, last_day: date) -> Iterator[date]:
    return (first_day + timedelta(days=offset) for offset in range((last_day - first_day).days + 1))


def _make_partition(table: str, day: date) -> list[str]:
    """Make one partition as the module's docstring says; return its name, or nothing when it was there."""
    name = f"{table}_p{day:%Y%m%d}"
    parent, default, child = sql.Identifier(table), sql.Identifier(f"{table}_default"), sql.Identifier(name)
    column, start, end = sql.Identifier(TIME_COLUMNS[table]), _literal(day), _literal(day + timedelta(days=1))
    with transaction.atomic(), connection.cursor() as cursor:
        _begin(cursor)
        _run(cursor, sql.SQL("LOCK TABLE ONLY {} IN SHARE ROW EXCLUSIVE MODE").format(parent))
        if any(partition.covers(day) for partition in list_partitions(table)):
            return []
        _run(cursor, sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(default))
        _run(cursor, sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(child, parent))
        _run(
            cursor,
            sql.SQL(
                "WITH moved AS (DELETE FROM {default} WHERE {column} >= {start} AND {column} < {end} RETURNING *) "
                "INSERT INTO {child} SELECT * FROM moved"
            ).format(default=default, column=column, start=start, end=end, child=child),
        )
        if cursor.rowcount:
            log.info("partitions.rows_moved", partition=name, rows=cursor.rowcount)
        _run(
            cursor,
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                parent, child, start, end
            ),
        )
    return [name]


def _begin(cursor: CursorWrapper, *, lock_timeout_ms: int = LOCK_TIMEOUT_MS) -> None:
    """Wait briefly for locks, let the move of many rows take its time, and do what Citus needs."""
    cursor.execute(f"SET LOCAL lock_timeout = {lock_timeout_ms}")
    cursor.execute("SET LOCAL statement_timeout = 0")
    go_shard_by_shard(cursor)


def _run(cursor: CursorWrapper, statement: sql.Composed) -> None:
    cursor.execute(statement.as_string())


def _literal(day: date) -> sql.Literal:
    return sql.Literal(f"{day.isoformat()} 00:00:00+00")


def _with_lock_retries(make: Callable[[], T], *, attempts: int = LOCK_ATTEMPTS) -> T:
    """Run it, again after a pause when a lock was not to be had, up to so many times."""
    for attempt in range(1, attempts + 1):
        try:
            return make()
        except OperationalError as error:
            if attempt == attempts or not isinstance(
                error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected
            ):
                raise
        # Longer than the wait itself, so writers that queued behind the lock get through in between.
        time.sleep(random.uniform(0.5, 1.5) * min(attempt, 5) * 0.5)  # noqa: S311
    raise AssertionError("unreachable")


_BOUND = re.compile(r"FROM \('([^']+)'\) TO \('([^']+)'\)")


def _read_partition(table: str, name: str, bound: str, rows: int, size: int) -> Partition:
    found = _BOUND.search(bound)
    first, end = (datetime.fromisoformat(text).date() for text in found.groups()) if found else (None, None)
    return Partition(table=table, name=name, first_day=first, end_day=end, estimated_rows=rows, total_bytes=size)
