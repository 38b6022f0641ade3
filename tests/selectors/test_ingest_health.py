"""Ingest health, added up by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from observability.models import Event, IngestCount, IngestRejection, Project
from observability.selectors.ingest_health import get_ingest_health, get_ingest_lag
from tests.records import START, make_event, write

pytestmark = pytest.mark.usefixtures("store")

HOUR = datetime(2026, 11, 20, 10, tzinfo=UTC)


def _count(project: Project, door: str, code: str, items: int, *, hours: int = 0) -> None:
    IngestCount.objects.create(
        project_id=project.pk, door=door, code=code, items=items, hour=HOUR + timedelta(hours=hours)
    )


def test_health__counts__add_up_by_door_cause_and_hour(project: Project, foreign_project: Project) -> None:
    _count(project, "otlp", "accepted", 5)
    _count(project, "otlp", "accepted", 7, hours=1)
    _count(project, "otlp", "duplicate", 2, hours=1)
    _count(project, "sdk", "bad_time", 3)
    _count(project, "sdk", "bad_time", 1, hours=1)
    _count(project, "sdk", "too_large", 4)
    _count(project, "sdk", "accepted", 100, hours=2)
    _count(foreign_project, "sdk", "accepted", 50)

    health = get_ingest_health(project.pk, since=HOUR + timedelta(minutes=30), until=HOUR + timedelta(hours=2))

    assert health.since == HOUR
    assert (health.accepted, health.duplicates, health.rejected) == (12, 2, 8)
    assert [(one.door, one.accepted, one.duplicates, one.rejected) for one in health.doors] == [
        ("otlp", 12, 2, 0),
        ("sdk", 0, 0, 8),
    ]
    assert [(one.code, one.count, one.last_hour) for one in health.causes] == [
        ("bad_time", 4, HOUR + timedelta(hours=1)),
        ("too_large", 4, HOUR),
    ]
    assert [(one.accepted, one.duplicates, one.rejected) for one in health.hours] == [(5, 0, 7), (7, 2, 1)]


def test_health__refused_items__newest_samples_first(project: Project) -> None:
    for number in (1, 2):
        IngestRejection.objects.create(
            project_id=project.pk,
            id=number,
            door="sdk",
            code="bad",
            reason=f"reason {number}",
            item_index=number,
            received_at=HOUR,
        )

    health = get_ingest_health(project.pk, since=HOUR, until=HOUR + timedelta(hours=1))

    assert [sample.reason for sample in health.samples] == ["reason 2", "reason 1"]


def test_lag__some_events__equals_received_minus_ended(project: Project, foreign_project: Project) -> None:
    write(project.pk, *(make_event(f"t-{n}", at=n, lasts=1) for n in range(3)), make_event("runs", lasts=None))
    write(foreign_project.pk, make_event("theirs"))
    lags = {"t-0": 100, "t-1": 300, "t-2": -50}
    for trace_id, lag in lags.items():
        event = Event.objects.filter(project_id=project.pk, trace_id=trace_id)
        event.update(received_at=F("ended_at") + timedelta(milliseconds=lag))

    found = get_ingest_lag(project.pk)

    # 0, 100, 300: a clock that is ahead counts as no lag.
    assert found.events == 3
    assert [found.p50_ms, found.p95_ms] == pytest.approx([100, 280])


def test_lag__nothing_sent__unknown(project: Project) -> None:
    health = get_ingest_health(project.pk, since=START, until=timezone.now())

    assert (health.lag.events, health.lag.p50_ms, health.lag.last_received_at) == (0, None, None)
    assert (health.accepted, health.doors, health.hours) == (0, [], [])
