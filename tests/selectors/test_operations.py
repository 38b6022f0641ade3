"""The operator's figures, recomputed by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.celery import app
from observability.models import IngestCount, Project, Trace
from observability.selectors import operations
from observability.selectors.operations import (
    HealthFigures,
    VolumeFigures,
    estimate_rows,
    get_servers,
    get_store_figures,
    get_volume,
    get_work,
    list_health,
    list_largest_partitions,
)
from observability.services.heartbeat import LATE_AFTER, record_heartbeat
from tests.records import make_event, write

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _start_afresh(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def count(project: Project, at: datetime, code: str, items: int, *, door: str = "otlp") -> None:
    hour = at.replace(minute=0)
    IngestCount.objects.create(project_id=project.pk, door=door, hour=hour, code=code, items=items)


def test_get_volume__around_midnight_and_a_week_ago__counts_each_side(
    project: Project, foreign_project: Project
) -> None:
    midnight = NOW.replace(hour=0, minute=0)
    count(project, midnight, "accepted", 1)
    count(foreign_project, NOW, "accepted", 20)
    count(project, midnight - HOUR, "accepted", 300)
    count(project, NOW - timedelta(days=6), "accepted", 4000)
    count(project, NOW - timedelta(days=7, hours=1), "accepted", 50_000)
    count(project, NOW, "too_large", 600_000)

    volume = get_volume()

    assert (volume.items_today, volume.items_week) == (21, 4321)


@pytest.mark.usefixtures("store")
def test_get_volume__traces__count_by_their_start_and_stop_at_the_cap(
    project: Project, foreign_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = {"today": NOW, "this week": NOW - timedelta(days=3), "before": NOW - timedelta(days=8)}
    write(project.pk, *(make_event(name) for name in starts), make_event("gone"))
    write(foreign_project.pk, make_event("foreign"))
    for name, at in {**starts, "gone": NOW, "foreign": NOW}.items():
        Trace.objects.filter(trace_id=name).update(started_at=at, deleted_at=NOW if name == "gone" else None)

    counted = get_volume()
    cache.clear()
    monkeypatch.setattr(operations, "TRACE_CAP", 2)
    capped = get_volume()

    assert counted == VolumeFigures(
        items_today=counted.items_today,
        items_week=counted.items_week,
        traces_today=2,
        traces_week=3,
        is_traces_capped=False,
    )
    assert (capped.traces_week, capped.is_traces_capped) == (2, True)


def test_list_health__hours_by_what_became_of_items__sums_each_window(project: Project) -> None:
    count(project, NOW, "accepted", 1)
    count(project, NOW - HOUR, "accepted", 20, door="sdk")
    count(project, NOW - HOUR, "duplicate", 3)
    count(project, NOW, "too_large", 4)
    count(project, NOW, "no_id", 5)
    count(project, NOW - 2 * HOUR, "accepted", 300)
    count(project, NOW - 23 * HOUR, "no_id", 60)
    count(project, NOW - 25 * HOUR, "accepted", 7000)

    assert list_health() == [
        HealthFigures("Last hour", accepted=21, duplicates=3, rejected=9),
        HealthFigures("Last day", accepted=321, duplicates=3, rejected=69),
    ]


def test_get_work__heartbeats__are_late_after_three_missed_ones() -> None:
    every = IntervalSchedule.objects.create(every=15, period=IntervalSchedule.SECONDS)
    task = PeriodicTask.objects.create(name="heartbeat", task="t", interval=every)
    never = get_work()
    record_heartbeat()
    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=NOW - LATE_AFTER - timedelta(seconds=1))

    work = get_work()

    assert (never.is_beat_late, never.is_worker_late, never.worker_at) == (True, True, None)
    assert (work.is_beat_late, work.is_worker_late, work.worker_at) == (True, False, NOW)


def test_get_work__tasks_in_the_queue__are_counted() -> None:
    # Other tests may have left some.
    app.control.purge()
    app.send_task("nothing.one")
    app.send_task("nothing.two")

    waiting = get_work().waiting

    app.control.purge()
    assert (waiting, get_work().waiting) == (2, 0)


def test_get_servers__as_they_answer__says_versions_and_sizes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone()

    servers = get_servers()

    assert servers.postgres == version
    assert servers.database_bytes > 1_000_000
    assert servers.valkey[0].isdigit()
    assert servers.valkey_bytes is not None
    assert servers.valkey_bytes > 0


@pytest.mark.parametrize("field", ["REDIS_URL", "CELERY_BROKER_URL"])
def test_servers__valkey_out_of_reach__is_said(field: str, settings: object) -> None:
    setattr(settings, field, "redis://127.0.0.1:9/0")

    if field == "REDIS_URL":
        assert (get_servers().valkey, get_servers().valkey_bytes) == ("out of reach", None)
    else:
        assert get_work().waiting is None


@pytest.mark.usefixtures("store")
def test_store_figures__after_analyze__are_what_the_tables_hold(project: Project) -> None:
    write(project.pk, *(make_event(f"t-{number}", span_id) for number in range(7) for span_id in ("a", "b")))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE traces, events")
        cursor.execute("SELECT pg_total_relation_size('traces')")
        (size,) = cursor.fetchone()

    tables = {table.table: table for table in get_store_figures().tables}

    assert (tables["traces"].estimated_rows, tables["traces"].total_bytes) == (7, size)
    assert tables["events"].estimated_rows == 14
    assert (estimate_rows("traces"), estimate_rows("events"), estimate_rows("no_such_table")) == (7, 14, 0)
    assert list_largest_partitions(3) == sorted(
        list_largest_partitions(3), key=lambda partition: -partition.total_bytes
    )
