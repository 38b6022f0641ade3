"""Figures and lists are about production: with reruns among the data they are what they are without."""

from __future__ import annotations

from typing import Any

import pytest

from observability.ingest.records import EventRecord
from observability.models import Event, Project, StepHour
from observability.query import parse_query
from observability.selectors.errors import list_errors
from observability.selectors.events import find_inferred_part
from observability.selectors.jump import find_by_id
from observability.selectors.overview import (
    get_system_metrics,
    list_busiest_workflows,
    list_running,
    list_slowest,
)
from observability.selectors.sessions import get_session_neighbours
from observability.selectors.step_health import get_step_health
from observability.selectors.step_series import list_step_latency
from observability.selectors.steps import get_step, list_step_calls, list_steps
from observability.selectors.trace_facets import get_trace_facets
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.trace_histogram import get_trace_histogram
from observability.selectors.traces import count_newer_traces, get_trace, list_traces
from observability.services.purge import delete_trace, restore_traces
from tests.records import at, make_event, write

pytestmark = pytest.mark.usefixtures("store")

RANGE: dict[str, Any] = {"since": at(0), "until": at(600)}


def _make_trace(trace_id: str, *, start: float, lasts: float | None, **fields: Any) -> list[EventRecord]:
    """Return a run of `chat` with a model call, and a tool that fails."""
    shared = {"session_id": "s", **fields}
    return [
        make_event(trace_id, at=start, lasts=lasts, **shared),
        make_event(
            trace_id,
            "ai",
            at=start + 1,
            lasts=2,
            kind="ai",
            name="gpt",
            model="gpt",
            parent_span_id="root",
            prompt_hash="ab" * 32,
            cost_micros=100,
            **shared,
        ),
        make_event(
            trace_id,
            "tool",
            at=start + 3,
            lasts=4,
            name="search",
            status="error",
            error_message="no",
            parent_span_id="root",
            input=b'"kestrel"',
            **shared,
        ),
    ]


@pytest.fixture
def made(project: Project) -> Project:
    """One run of production, ten seconds long; two reruns, one long and one that still runs, in the same session."""
    write(project.pk, *_make_trace("made", start=10, lasts=10))
    write(project.pk, *_make_trace("again", start=20, lasts=90, run_id="a-run"))
    write(project.pk, *_make_trace("runs", start=30, lasts=None, run_id="a-run"))
    return project


def _list(project: Project, q: str = "", **fields: Any) -> list[str]:
    filters = TraceFilters(query=parse_query(q), **fields)
    return [trace.trace_id for trace in list_traces(project.pk, filters=filters).items]


def _figures(project: Project) -> list[tuple[str, int, int, int, float]]:
    rows = StepHour.objects.filter(project_id=project.pk).exclude(calls=0)
    return sorted(rows.values_list("kind", "calls", "errors", "cost_micros", "duration_ms"))


def test_metrics__with_reruns__are_those_of_the_one_run(made: Project) -> None:
    metrics = get_system_metrics(made.pk, **RANGE, has_kinds=True)

    totals = metrics.totals
    assert (totals.traces, totals.running, totals.events, totals.cost_micros) == (1, 0, 3, 100)
    assert (totals.p50_ms, totals.p99_ms) == (10_000, 10_000)
    assert sum(bucket.figures.traces for bucket in metrics.buckets) == 1
    assert [(one.kind, one.events) for one in metrics.kinds] == [("ai", 1), ("tool", 1), ("workflow", 1)]


def test_metrics__reruns_in_the_time_before__do_not_count_there(made: Project) -> None:
    metrics = get_system_metrics(made.pk, since=at(600), until=at(1_200))

    assert metrics.previous is not None
    assert (metrics.previous.traces, metrics.previous.events) == (1, 3)


def test_running_slowest_and_busiest__with_reruns__name_none(made: Project) -> None:
    running = list_running(made.pk, limit=5)
    slowest = list_slowest(made.pk, **RANGE, limit=5)
    busiest = list_busiest_workflows(made.pk, **RANGE, limit=5)

    assert running == ([], 0)
    assert [trace.trace_id for trace in slowest] == ["made"]
    assert [(one.traces, one.p95_ms, one.cost_micros) for one in busiest] == [(1, 10_000, 100)]


def test_step_hours__with_reruns__hold_the_one_run(made: Project) -> None:
    # By hand: 10 s of the workflow, 2 s of the model call, 4 s of the tool that failed.
    assert _figures(made) == [
        ("prompt", 1, 0, 100, 2_000),
        ("tool", 1, 1, 0, 4_000),
        ("workflow", 1, 0, 100, 10_000),
    ]


def test_step_hours__a_rerun_deleted_and_brought_back__stay_the_same(made: Project) -> None:
    before = _figures(made)

    delete_trace(project_id=made.pk, trace_id="again")
    restore_traces(project_id=made.pk, trace_ids=["again"])

    assert _figures(made) == before


def test_step_hours__a_trace_turns_out_to_be_a_rerun__is_taken_out_again(project: Project) -> None:
    write(project.pk, *_make_trace("late", start=10, lasts=10))

    write(project.pk, *_make_trace("late", start=10, lasts=10, run_id="a-run"))

    assert _figures(project) == []
    assert get_trace(project.pk, "late").flags == ("cost_stated", "rerun")


@pytest.mark.parametrize(("kind", "key"), [("workflow", "chat"), ("tool", "search"), ("prompt", "ab" * 32)])
def test_step_health__with_reruns__is_of_the_one_call(made: Project, kind: str, key: str) -> None:
    step = get_step(made.pk, kind, key)

    health = get_step_health(made.pk, step, **RANGE)
    latency = list_step_latency(made.pk, [(kind, key)], **RANGE)
    calls = list_step_calls(made.pk, step)

    assert health.totals.calls == latency[kind, key].calls == len(calls.items) == 1
    assert calls.items[0].trace_id == "made"


def test_steps__seen_in_a_rerun_alone__are_not_discovered(project: Project) -> None:
    write(project.pk, *_make_trace("again", start=20, lasts=9, run_id="a-run"))

    assert list_steps(project.pk).items == []


def test_errors__with_reruns__count_the_one(made: Project) -> None:
    (error,) = list_errors(made.pk, **RANGE).items
    (before,) = list_errors(made.pk, since=at(-590), until=at(15)).items

    assert (error.count, error.traces, sum(error.series), error.sample.trace_id) == (1, 1, 1, "made")
    assert before.previous_count == 0


def test_errors__an_error_of_reruns_alone__is_none(project: Project) -> None:
    write(project.pk, *_make_trace("again", start=20, lasts=9, run_id="a-run"))

    assert list_errors(project.pk, **RANGE).items == []
    assert Event.objects.filter(project_id=project.pk, status="error").exists()


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("", ["made"]),
        ("workflow:chat", ["made"]),
        ("session:s", ["made"]),
        ("status:running", []),
        ("kestrel", ["made"]),
        ("flag:rerun", ["runs", "again"]),
        ("flag:rerun status:running", ["runs"]),
        ("flag:rerun kestrel", ["runs", "again"]),
        ("-flag:rerun", ["made"]),
        ("flag:rerun OR -flag:rerun", ["runs", "again", "made"]),
        ("id:again", ["again"]),
        ("id:a*", ["again"]),
        ("again", ["again"]),
    ],
)
def test_list_traces__query__finds_reruns_only_when_asked(made: Project, q: str, expected: list[str]) -> None:
    assert _list(made, q) == expected


def test_list_traces__text_that_is_everywhere__finds_no_rerun(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observability.selectors.traces._RARE_SEGMENTS", 0)

    assert _list(made, "kestrel") == ["made"]
    assert _list(made, "again") == ["again"]


def test_counts__with_reruns__are_of_production(made: Project) -> None:
    newest = list_traces(made.pk, filters=TraceFilters(until=at(0))).newest_cursor

    facets = {facet.field: facet.values for facet in get_trace_facets(made.pk).facets}
    bars = get_trace_histogram(made.pk, filters=TraceFilters(**RANGE)).buckets

    assert [(value.value, value.count) for value in facets["status"]] == [("ok", 1)]
    assert sum(bar.ok + bar.running + bar.error for bar in bars) == 1
    assert count_newer_traces(made.pk, newer_than=newest).count == 1


def test_counts__of_reruns__are_theirs(made: Project) -> None:
    filters = TraceFilters(query=parse_query("flag:rerun"), **RANGE)

    facets = {facet.field: facet.values for facet in get_trace_facets(made.pk, filters=filters).facets}
    bars = get_trace_histogram(made.pk, filters=filters).buckets

    assert {(value.value, value.count) for value in facets["status"]} == {("ok", 1), ("running", 1)}
    assert ("rerun", 2, True) in {(value.value, value.count, value.is_selected) for value in facets["flag"]}
    assert sum(bar.ok + bar.running for bar in bars) == 2


def test_histogram__nothing_but_reruns_lately__shows_the_last_of_production(project: Project) -> None:
    write(project.pk, *_make_trace("made", start=-3 * 86_400, lasts=10))
    write(project.pk, *_make_trace("again", start=0, lasts=10, run_id="a-run"))

    bars = get_trace_histogram(project.pk).buckets

    assert sum(bar.ok for bar in bars) == 1


def test_jump__id_of_a_rerun__leads_there(made: Project) -> None:
    (event,) = Event.objects.filter(project_id=made.pk, trace_id="again", span_id="tool")

    assert [found.trace_id for found in find_by_id(made.pk, "again").items] == ["again"]
    assert [found.trace_id for found in find_by_id(made.pk, str(event.id)).items] == ["again"]
    assert get_trace(made.pk, "again").flags == ("cost_stated", "rerun")


def test_session__with_reruns__has_its_own_neighbours(made: Project) -> None:
    write(made.pk, *_make_trace("next", start=50, lasts=5))

    neighbours = get_session_neighbours(made.pk, get_trace(made.pk, "made"))

    assert (neighbours.before, neighbours.after) == (None, "next")


def test_inferred_events__a_rerun_begins_in_between__stay_with_the_run_they_are_of(project: Project) -> None:
    sent: dict[str, Any] = {"source": "sdk", "session_id": "s"}
    write(project.pk, make_event("chat::1::a", at=0, lasts=50, **sent))
    write(project.pk, make_event("chat::2::run-1", at=10, lasts=5, run_id="a-run", **sent))
    write(project.pk, make_event("unknown-workflow::s", "call", at=20, parent_span_id="", **sent))

    part = find_inferred_part(project.pk, get_trace(project.pk, "chat::1::a"))

    assert part is not None
    assert part.until is None
    assert find_inferred_part(project.pk, get_trace(project.pk, "chat::2::run-1")) is None
