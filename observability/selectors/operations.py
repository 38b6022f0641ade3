"""What an operator wants to know at a glance, across all projects. Only Django admin shows this.

Figures of the store come from hourly counts and the catalog: no large table is read. Volume and sizes are kept
for a minute, since many operators may stare at one page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from observability.models import ApiKey, IngestCount, Organization, Project, Trace, User
from observability.services.heartbeat import LATE_AFTER, get_last_heartbeat
from observability.services.partitions import Partition, count_days_ahead, list_partitions
from observability.sql.store import PARTITIONED

KEPT_SECONDS = 60
TRACE_CAP = 1_000_000
"""Traces counted at most; past it the page says "more than"."""
PLAIN_TABLES = ("traces", "steps", "step_hours", "sdk_sessions", "ingest_counts", "ingest_rejections")


@dataclass(frozen=True, slots=True)
class TenantFigures:
    """How many there are. Keys count while they work, people while they may sign in."""

    organizations: int
    projects: int
    people: int
    keys: int


@dataclass(frozen=True, slots=True)
class DoorFigures:
    """Items one door took in the last 24 hours, and what it refused, by cause."""

    door: str
    accepted: int
    duplicates: int
    refused: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class TableFigures:
    """One table's size: rows as the planner estimates them, bytes with indexes, and stray rows of far-off times."""

    table: str
    estimated_rows: int
    total_bytes: int
    stray_rows: int


@dataclass(frozen=True, slots=True)
class VolumeFigures:
    """Items committed since midnight UTC and in the last seven days, and traces that began in them."""

    items_today: int
    items_week: int
    traces_today: int
    traces_week: int
    is_traces_capped: bool


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """Items of all doors in a window, by what became of them. Counts are by the hour: the current one is partial."""

    label: str
    accepted: int
    duplicates: int
    rejected: int


@dataclass(frozen=True, slots=True)
class WorkFigures:
    """Whether background work gets done: when beat last sent the heartbeat, a worker did it, and what waits."""

    beat_at: datetime | None
    worker_at: datetime | None
    waiting: int | None
    is_beat_late: bool
    is_worker_late: bool


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """The two servers: versions, and bytes in the database and in Valkey's memory (None: out of reach)."""

    postgres: str
    database_bytes: int
    valkey: str
    valkey_bytes: int | None


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """The store, and how many days it is prepared for (-1: not even today)."""

    tables: list[TableFigures]
    days_ahead: int


def get_tenant_figures() -> TenantFigures:
    """Count tenants. Four counts over small tables."""
    is_working = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    return TenantFigures(
        organizations=Organization.objects.count(),
        projects=Project.objects.count(),
        people=User.objects.filter(is_active=True).count(),
        keys=ApiKey.objects.filter(is_working).count(),
    )


def list_door_figures() -> list[DoorFigures]:
    """Sum up the last 24 hours by door. Reads a day of hourly counts of every project."""
    since = timezone.now() - timedelta(hours=24)
    sums = IngestCount.objects.filter(hour__gte=since).values_list("door", "code").annotate(total=Sum("items"))
    by_door: dict[str, dict[str, int]] = {}
    for door, code, total in sums:
        by_door.setdefault(door, {})[code] = total
    return [_make_door_figures(door, by_code) for door, by_code in sorted(by_door.items())]


def get_store_figures() -> StoreFigures:
    """Measure the store from the catalog alone: no table is read. Sizes are kept for a minute."""
    tables: list[TableFigures] = cache.get_or_set("operations.tables", _measure_tables, timeout=KEPT_SECONDS) or []
    return StoreFigures(tables=tables, days_ahead=count_days_ahead())


def _measure_tables() -> list[TableFigures]:
    return [
        *(_get_partitioned_figures(table) for table in PARTITIONED),
        *(_get_plain_figures(table) for table in PLAIN_TABLES),
    ]


def get_volume() -> VolumeFigures:
    """Sum up hourly counts of seven days, and count traces by their start, at most `TRACE_CAP` of them."""
    found = cache.get_or_set("operations.volume", _read_volume, timeout=KEPT_SECONDS)
    assert isinstance(found, VolumeFigures)
    return found


def list_health() -> list[HealthFigures]:
    """Sum up what the doors did in the last hour and the last day."""
    now = timezone.now().astimezone(UTC)
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    return [
        _read_health("Last hour", since=this_hour - timedelta(hours=1)),
        _read_health("Last day", since=now - timedelta(hours=24)),
    ]


def get_work() -> WorkFigures:
    """Ask for heartbeats and the queue's length. A Valkey out of reach shows as unknown."""
    beat_at = PeriodicTask.objects.filter(name="heartbeat").values_list("last_run_at", flat=True).first()
    worker_at, waiting = None, None
    try:
        worker_at = get_last_heartbeat()
        with _connect(settings.CELERY_BROKER_URL) as client:
            waiting = int(client.llen("celery"))
    except (redis.RedisError, OSError, ValueError):
        waiting = None
    return WorkFigures(
        beat_at=beat_at,
        worker_at=worker_at,
        waiting=waiting,
        is_beat_late=_is_late(beat_at),
        is_worker_late=_is_late(worker_at),
    )


def get_servers() -> ServerFigures:
    """Ask both servers what they are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
        postgres, size = cursor.fetchone()
    try:
        with _connect(settings.REDIS_URL) as client:
            info: Any = client.info()
    except (redis.RedisError, OSError, ValueError):
        return ServerFigures(postgres=postgres, database_bytes=size, valkey="out of reach", valkey_bytes=None)
    version = str(info.get("valkey_version") or info["redis_version"])
    return ServerFigures(postgres=postgres, database_bytes=size, valkey=version, valkey_bytes=int(info["used_memory"]))


def list_largest_partitions(limit: int = 12) -> list[Partition]:
    """Return the largest partitions of all tables. From the catalog, kept for a minute."""

    def measure() -> list[Partition]:
        every = [partition for table in PARTITIONED for partition in list_partitions(table)]
        return sorted(every, key=lambda partition: (-partition.total_bytes, partition.name))[:limit]

    found: list[Partition] = cache.get_or_set("operations.partitions", measure, timeout=KEPT_SECONDS) or []
    return found


def estimate_rows(table: str) -> int:
    """Return how many rows a table holds, as the planner estimates: nothing is counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(sum(greatest(leaf.reltuples, 0)), 0)::bigint
            FROM pg_class leaf
            WHERE leaf.relkind = 'r' AND (
                leaf.oid = to_regclass(%s)
                OR leaf.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(%s))
            )
            """,
            [table, table],
        )
        (rows,) = cursor.fetchone()
    return int(rows)


def _read_volume() -> VolumeFigures:
    now = timezone.now().astimezone(UTC)
    today, week = now.replace(hour=0, minute=0, second=0, microsecond=0), now - timedelta(days=7)
    accepted = IngestCount.objects.filter(code="accepted")
    traces_week = _count_traces(week)
    return VolumeFigures(
        items_today=_sum_items(accepted.filter(hour__gte=today)),
        items_week=_sum_items(accepted.filter(hour__gte=week)),
        traces_today=_count_traces(today),
        traces_week=traces_week,
        is_traces_capped=traces_week >= TRACE_CAP,
    )


def _count_traces(since: datetime) -> int:
    """Count project by project, so that each count walks the index of the project's list, and stop at the cap."""
    left = TRACE_CAP
    for project_id in Project.objects.order_by("pk").values_list("pk", flat=True):
        begun = Trace.objects.filter(project_id=project_id, started_at__gte=since, deleted_at=None)
        left -= begun.order_by().values("trace_id")[:left].count()
        if left <= 0:
            break
    return TRACE_CAP - left


def _read_health(label: str, *, since: datetime) -> HealthFigures:
    sums = dict(IngestCount.objects.filter(hour__gte=since).values_list("code").annotate(total=Sum("items")))
    accepted, duplicates = sums.pop("accepted", 0), sums.pop("duplicate", 0)
    return HealthFigures(label=label, accepted=accepted, duplicates=duplicates, rejected=sum(sums.values()))


def _sum_items(counts: QuerySet[IngestCount]) -> int:
    return int(counts.aggregate(total=Sum("items"))["total"] or 0)


def _is_late(moment: datetime | None) -> bool:
    return moment is None or timezone.now() - moment > LATE_AFTER


def _connect(url: str) -> redis.Redis:
    address = url.removeprefix("redis+socket").removeprefix("socket")
    if address != url:
        address = f"unix{address.replace('virtual_host=', 'db=')}"
    return redis.Redis.from_url(address, socket_timeout=1, socket_connect_timeout=1)


def _make_door_figures(door: str, by_code: dict[str, int]) -> DoorFigures:
    refused = [(code, items) for code, items in by_code.items() if code not in ("accepted", "duplicate")]
    return DoorFigures(
        door=door,
        accepted=by_code.get("accepted", 0),
        duplicates=by_code.get("duplicate", 0),
        refused=sorted(refused, key=lambda entry: -entry[1]),
    )


def _get_partitioned_figures(table: str) -> TableFigures:
    partitions = list_partitions(table)
    return TableFigures(
        table=table,
        estimated_rows=sum(partition.estimated_rows for partition in partitions),
        total_bytes=sum(partition.total_bytes for partition in partitions),
        stray_rows=sum(partition.estimated_rows for partition in partitions if partition.is_default),
    )


def _get_plain_figures(table: str) -> TableFigures:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest(reltuples, 0)::bigint, pg_total_relation_size(oid) FROM pg_class WHERE oid = %s::regclass",
            [table],
        )
        rows, size = cursor.fetchone()
    return TableFigures(table=table, estimated_rows=rows, total_bytes=size, stray_rows=0)
