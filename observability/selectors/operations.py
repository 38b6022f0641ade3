"""What an operator wants to know at a glance, across all projects. Only Django admin shows this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone

from observability.models import ApiKey, IngestCount, Organization, Project, User
from observability.services.partitions import count_days_ahead, list_partitions
from observability.sql.store import PARTITIONED


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
    """Measure the store from the catalog alone: no table is read."""
    return StoreFigures(
        tables=[_get_partitioned_figures(table) for table in PARTITIONED] + [_get_plain_figures("traces")],
        days_ahead=count_days_ahead(),
    )


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
