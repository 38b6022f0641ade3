"""System metrics, recomputed by hand."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from observability.errors import InvalidError
from observability.models import Project
from observability.selectors.overview import (
    get_system_metrics,
    list_busiest_workflows,
    list_running,
    list_slowest,
)
from observability.services.purge import delete_trace
from tests.records import at, make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")


def _bounds(since: float, until: float) -> dict[str, Any]:
    return {"since": at(since), "until": at(until)}


def test_metrics__some_traces__equal_the_figures_by_hand(project: Project, foreign_project: Project) -> None:
    write(
        project.pk,
        *(make_event(f"t-{n}", at=n, lasts=lasts) for n, lasts in enumerate([1, 2, 2, 4])),
        make_event("bad", at=5, lasts=10, status="error"),
        make_event("runs", at=6, lasts=None),
        make_event("asks", at=7, lasts=3),
        make_event("asks", "call", at=8, kind="ai", parent_span_id="root", cost_micros=500),
        make_log("lines-only", at=9),
    )
    write(foreign_project.pk, make_event("theirs", at=1))

    totals = get_system_metrics(project.pk, **_bounds(0, 600)).totals

    assert (totals.traces, totals.ok, totals.errors, totals.running) == (7, 5, 1, 1)
    assert (totals.success_rate, totals.error_rate) == (5 / 7, 1 / 7)
    # Ended: 1, 2, 2, 3, 4, 10 seconds. Interpolated: place 2.5 of 0..5; 4.75; 4.95.
    assert totals.p50_ms == pytest.approx(2_500)
    assert totals.p95_ms == pytest.approx(4_000 + 0.75 * 6_000)
    assert totals.p99_ms == pytest.approx(4_000 + 0.95 * 6_000)
    assert (totals.events, totals.cost_micros, totals.cost_usd) == (8, 500, "0.000500")


@pytest.mark.parametrize(
    ("lasts", "expected"),
    [([3.0], (3_000, 3_000, 3_000)), ([2.0, 2.0, 2.0], (2_000, 2_000, 2_000)), ([None], (None, None, None))],
)
def test_metrics__one_trace_or_ties__percentiles_are_it(
    project: Project, lasts: list[float | None], expected: tuple[float | None, ...]
) -> None:
    write(project.pk, *(make_event(f"t-{n}", lasts=one) for n, one in enumerate(lasts)))

    totals = get_system_metrics(project.pk, **_bounds(0, 600)).totals

    assert (totals.p50_ms, totals.p95_ms, totals.p99_ms) == expected


def test_metrics__at_the_edges__start_is_in_and_end_is_not(project: Project) -> None:
    moments = [-600.000001, -600, -0.000001, 0, 599.999999, 600]
    write(project.pk, *(make_event(f"t-{n}", at=moment) for n, moment in enumerate(moments)))

    metrics = get_system_metrics(project.pk, **_bounds(0, 600))

    assert metrics.previous_since == at(-600)
    assert metrics.previous is not None
    assert (metrics.totals.traces, metrics.previous.traces) == (2, 2)


def test_metrics__buckets__add_up_and_are_contiguous(project: Project) -> None:
    write(project.pk, *(make_event(f"t-{n}", at=n * 70, status="ok" if n % 3 else "error") for n in range(9)))

    # The last trace starts in the last second, so each bucket has one wherever the buckets begin.
    metrics = get_system_metrics(project.pk, **_bounds(0, 561), bucket_s=300)

    starts = [bucket.started_at for bucket in metrics.buckets]
    assert all(b - a == timedelta(seconds=300) for a, b in itertools.pairwise(starts))
    assert starts[0] <= at(0)
    assert starts[-1] + timedelta(seconds=300) >= at(561)
    assert sum(bucket.figures.traces for bucket in metrics.buckets) == metrics.totals.traces == 9
    assert sum(bucket.figures.errors for bucket in metrics.buckets) == metrics.totals.errors == 3
    minutes = sum(bucket.figures.traces / bucket.per_minute for bucket in metrics.buckets if bucket.figures.traces)
    assert minutes == pytest.approx(561 / 60)


def test_metrics__empty_project__nothing_is_made_up(project: Project) -> None:
    metrics = get_system_metrics(project.pk, **_bounds(0, 600), has_kinds=True)

    assert (metrics.totals.traces, metrics.totals.error_rate, metrics.totals.cost_micros) == (0, None, None)
    assert metrics.kinds == []
    assert metrics.is_partial is False


def test_metrics__kinds__each_counted(project: Project) -> None:
    write(
        project.pk,
        make_event("t", lasts=9),
        make_event("t", "a", at=1, lasts=1, parent_span_id="root"),
        make_event("t", "b", at=2, lasts=3, parent_span_id="root", status="error"),
        make_event("gone", "c", at=2),
    )
    delete_trace(project_id=project.pk, trace_id="gone")

    kinds = get_system_metrics(project.pk, **_bounds(0, 600), has_kinds=True).kinds

    assert [(one.kind, one.events, one.errors, one.error_rate, one.p50_ms) for one in kinds] == [
        ("tool", 2, 1, 0.5, 2_000),
        ("workflow", 1, 0, 0.0, 9_000),
    ]


def test_metrics__end_before_start__refused(project: Project) -> None:
    with pytest.raises(InvalidError, match="to:"):
        get_system_metrics(project.pk, **_bounds(600, 0))


def test_running_slowest_and_busiest__some__in_their_order(project: Project) -> None:
    write(
        project.pk,
        make_event("r-2", at=20, lasts=None),
        make_event("r-1", at=10, lasts=None),
        make_event("slow", name="refund", at=1, lasts=50),
        make_event("quick", name="chat", at=2, lasts=1, status="error"),
        make_event("before", name="chat", at=-900, lasts=99),
    )

    running, count = list_running(project.pk, limit=1)
    slowest = list_slowest(project.pk, **_bounds(0, 600), limit=5)
    busiest = list_busiest_workflows(project.pk, **_bounds(0, 600), limit=5)

    assert ([trace.trace_id for trace in running], count) == (["r-1"], 2)
    assert [trace.trace_id for trace in slowest] == ["slow", "quick"]
    assert [(one.workflow_name, one.traces, one.errors) for one in busiest] == [("chat", 3, 1), ("refund", 1, 0)]


def test_metrics__events_without_a_trace__count_but_have_no_latency(project: Project) -> None:
    sent: dict[str, Any] = {"source": "sdk", "session_id": "s", "name": "unknown-workflow"}
    write(
        project.pk,
        make_event("unknown-workflow::s", lasts=500, **sent),
        make_event("unknown-workflow::1700000000000::a", at=1, lasts=2, **sent),
        make_event("refund::1700000000000::b", at=2, lasts=4, **{**sent, "name": "refund"}),
    )

    totals = get_system_metrics(project.pk, **_bounds(0, 600)).totals
    slowest = list_slowest(project.pk, **_bounds(0, 600), limit=5)
    busiest = list_busiest_workflows(project.pk, **_bounds(0, 600), limit=1)

    assert (totals.traces, totals.p50_ms) == (3, 3_000)
    assert totals.p99_ms == pytest.approx(3_980)
    assert [trace.duration_ms for trace in slowest] == [4_000, 2_000]
    assert [(one.workflow_name, one.traces, one.p95_ms) for one in busiest] == [("unknown-workflow", 2, 2_000)]


@pytest.mark.parametrize("traces", [1, 25])
def test_metrics__one_and_many__take_the_same_queries(
    project: Project, traces: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    write(project.pk, *(make_event(f"t-{n}", name=f"flow-{n}", at=n) for n in range(traces)))

    # Each within its budget: a savepoint, its time limit, the query itself, and the savepoint's end.
    with django_assert_num_queries(12):
        get_system_metrics(project.pk, **_bounds(0, 600), has_kinds=True)
