from __future__ import annotations

import statistics
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from observability.ingest.records import Usage
from observability.models import Project
from observability.selectors.step_series import LATENCY_CALLS, list_step_latency, list_step_series
from observability.selectors.steps import list_steps
from observability.services.purge import delete_trace
from tests.records import START, at, make_event, write

pytestmark = pytest.mark.usefixtures("store")

HOUR = timedelta(hours=1)
SINCE = (START - 5 * HOUR).replace(minute=0, second=0)
UNTIL = SINCE + 8 * HOUR


def _seconds(hours: float) -> float:
    """Return an offset from `START` that lies so many hours after `SINCE`."""
    return (SINCE - START).total_seconds() + hours * 3600


def test_series__calls_of_some_hours__counted_in_their_buckets(project: Project) -> None:
    write(
        project.pk,
        make_event("a", at=_seconds(1), lasts=2),
        make_event("b", at=_seconds(1.5), lasts=4, status="error"),
        make_event("c", at=_seconds(3), lasts=1),
        make_event("d", name="other", at=_seconds(3)),
    )

    found = list_step_series(project.pk, [("workflow", "chat"), ("tool", "none")], since=SINCE, until=UNTIL)

    series = found["workflow", "chat"]
    assert (series.started_at, series.bucket_s) == (SINCE, 3600)
    assert series.calls == [0, 2, 0, 1, 0, 0, 0, 0]
    assert series.errors == [0, 1, 0, 0, 0, 0, 0, 0]
    assert series.mean_duration_ms == [None, 3000.0, None, 1000.0, None, None, None, None]
    assert found["tool", "none"].calls == [0] * 8


def test_series__long_range__whole_hours_in_few_buckets(project: Project) -> None:
    write(project.pk, make_event("a"))

    found = list_step_series(project.pk, [("workflow", "chat")], since=START - 30 * 24 * HOUR, until=START + HOUR)

    series = found["workflow", "chat"]
    assert series.bucket_s == 7 * 86_400
    assert sum(series.calls) == 1


def test_latency__each_kind__percentiles_of_its_ended_calls(project: Project) -> None:
    lasting = [0.1, 0.2, 0.3, 0.4, 5.0]
    write(
        project.pk,
        *(make_event(f"t{n}", at=n, lasts=lasts) for n, lasts in enumerate(lasting)),
        make_event("t-running", at=9, lasts=None),
        make_event("other", name="other"),
        make_event("other", "tool", parent_span_id="root", kind="tool", name="search", lasts=0.7),
        make_event("other", "prompt", parent_span_id="root", kind="ai", prompt_hash="abc", lasts=0.9),
    )
    steps = [("workflow", "chat"), ("tool", "search"), ("prompt", "abc"), ("tool", "never")]

    found = list_step_latency(project.pk, steps, since=SINCE, until=UNTIL)

    ordered = [1000 * lasts for lasts in lasting]
    workflow = found["workflow", "chat"]
    assert workflow.p50_ms == pytest.approx(statistics.median(ordered))
    assert workflow.p95_ms == pytest.approx(ordered[3] + 0.8 * (ordered[4] - ordered[3]))
    assert (workflow.calls, workflow.last_started_at) == (5, at(9))
    assert found["tool", "search"].p50_ms == pytest.approx(700)
    assert found["prompt", "abc"].p95_ms == pytest.approx(900)
    assert ("tool", "never") not in found


def test_latency__many_calls__only_the_newest_count(project: Project) -> None:
    old = (make_event(f"old-{n}", at=n, lasts=60) for n in range(50))
    new = (make_event(f"new-{n}", at=100 + n, lasts=1) for n in range(LATENCY_CALLS))
    write(project.pk, *old, *new)

    latency = list_step_latency(project.pk, [("workflow", "chat")], since=SINCE, until=UNTIL)["workflow", "chat"]

    assert (latency.calls, latency.p95_ms) == (LATENCY_CALLS, 1000.0)


def test_latency__deleted_traces_and_foreign_projects__do_not_count(project: Project, foreign_project: Project) -> None:
    tool: dict[str, Any] = {"parent_span_id": "root", "kind": "tool", "name": "search"}
    write(project.pk, make_event("kept", "t", lasts=1, **tool), make_event("gone", "t", lasts=9, **tool))
    write(foreign_project.pk, make_event("theirs", "t", lasts=9, **tool))
    delete_trace(project_id=project.pk, trace_id="gone")

    latency = list_step_latency(project.pk, [("tool", "search")], since=SINCE, until=UNTIL)["tool", "search"]

    assert (latency.calls, latency.p95_ms) == (1, 1000.0)


def test_parts__one_step_or_many__as_many_queries(
    project: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    write(project.pk, *(make_event(f"t{n}", name=f"workflow-{n}") for n in range(30)))
    steps = [("workflow", f"workflow-{n}") for n in range(30)]

    for wanted in (steps[:1], steps):
        with django_assert_num_queries(1):
            list_step_series(project.pk, wanted, since=SINCE, until=UNTIL)
        # The budget's savepoint, its time limit, the read, and the release.
        with django_assert_num_queries(4):
            list_step_latency(project.pk, wanted, since=SINCE, until=UNTIL)


@pytest.mark.parametrize(
    ("order", "first"),
    [
        ("calls", "busy"),
        ("errors", "wrong"),
        ("error_rate", "wrong"),
        ("duration", "slow"),
        ("tokens", "wordy"),
        ("cost", "dear"),
        ("last", "late"),
        ("key", "busy"),
    ],
)
def test_list__every_order__the_step_it_is_about_comes_first(project: Project, order: str, first: str) -> None:
    earlier: dict[str, Any] = {"lasts": 0.1, "at": -4000}
    call: dict[str, Any] = {"parent_span_id": "root", "kind": "ai", "name": "call", **earlier}
    write(
        project.pk,
        *(make_event(f"b{n}", name="busy", **earlier) for n in range(5)),
        make_event("w", name="wrong", status="error", **earlier),
        make_event("s", name="slow", lasts=60, at=-4000),
        make_event("m", name="wordy", **earlier),
        make_event("m", "call", usage=Usage(input=900), **call),
        make_event("d", name="dear", **earlier),
        make_event("d", "call", cost_micros=7, **call),
        make_event("l", name="late", lasts=0.1),
    )

    items = list_steps(project.pk, kind="workflow", order=order).items

    assert items[0].key == first


def test_list__text__narrows_by_part_of_the_name_in_any_case(project: Project) -> None:
    write(project.pk, make_event("a", name="RefundRequest"), make_event("b", name="chat"), make_event("c", name="a%b"))

    def names(text: str) -> list[str]:
        return [step.name for step in list_steps(project.pk, text=text).items]

    assert names("refund") == ["RefundRequest"]
    assert names("%") == ["a%b"]
    assert names("nothing") == []
