from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from observability.models import Project
from observability.query import parse_query
from observability.selectors.budget import Budget
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.trace_histogram import TraceHistogram, get_trace_histogram
from observability.selectors.traces import list_traces
from tests.records import at, make_event, write

pytestmark = pytest.mark.usefixtures("store")


def _draw(project: Project, q: str = "", *, buckets: int = 60, **others: Any) -> TraceHistogram:
    return get_trace_histogram(project.pk, filters=TraceFilters(query=parse_query(q), **others), buckets=buckets)


def _bars(found: TraceHistogram) -> dict[datetime, tuple[int, int, int]]:
    return {bar.at: (bar.ok, bar.error, bar.running) for bar in found.buckets if bar.ok or bar.error or bar.running}


def _write_some(project: Project) -> None:
    write(
        project.pk,
        *(
            make_event(
                f"t{number:02}",
                at=number * 7,
                lasts=None if number % 5 == 0 else 1,
                user_id=f"u{number % 3}",
                **({"status": "error"} if number % 4 == 1 else {}),
            )
            for number in range(30)
        ),
    )


@pytest.mark.parametrize("window", [4, 2000])
@pytest.mark.parametrize("q", ["", "user:u1", "chat -status:error"])
def test_histogram__range_asked_for__counted_as_by_hand(
    project: Project, monkeypatch: pytest.MonkeyPatch, q: str, window: int
) -> None:
    monkeypatch.setattr("observability.selectors.budget.FIRST_WINDOW", window)
    monkeypatch.setattr("observability.selectors.budget.FIRST_COUNTED", window)
    _write_some(project)

    found = _draw(project, q, since=at(10), until=at(100), buckets=10)

    assert (found.start, found.end, found.bucket_s, found.is_default_range) == (at(10), at(100), 10, False)
    traces = list_traces(
        project.pk, filters=TraceFilters(query=parse_query(q), since=at(10), until=at(100)), limit=500
    ).items
    for bar in found.buckets:
        assert bar.at.second % 10 == 0
        inside = [trace.status for trace in traces if bar.at <= trace.started_at < bar.at + timedelta(seconds=10)]
        assert (bar.ok, bar.error, bar.running) == tuple(map(inside.count, ("ok", "error", "running")))
    assert sum(bar.ok + bar.error + bar.running for bar in found.buckets) == len(traces) > 3


def test_histogram__bars__begin_at_whole_multiples_and_fill_the_range(project: Project) -> None:
    since = datetime(2026, 11, 1, 10, 7, tzinfo=UTC)

    found = _draw(project, since=since, until=since + timedelta(hours=3), buckets=20)

    assert found.bucket_s == 600
    assert found.buckets[0].at == datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
    assert found.buckets[-1].at == datetime(2026, 11, 1, 13, 0, tzinfo=UTC)
    assert len(found.buckets) == 19
    assert _draw(project, since=since, until=since + timedelta(days=400)).bucket_s == 7 * 86_400


def test_histogram__no_range__from_the_first_trace_of_the_last_day(project: Project) -> None:
    write(project.pk, make_event("ancient", at=-40 * 86_400), make_event("a", at=0), make_event("b", at=60))

    found = _draw(project)

    assert (found.start, found.is_default_range) == (at(0), True)
    assert sum(_bars(found)[when][0] for when in _bars(found)) == 2


def test_histogram__nothing_in_the_last_day__the_day_up_to_the_newest(project: Project) -> None:
    write(project.pk, make_event("old", at=-5 * 86_400), make_event("older", at=-5 * 86_400 - 60))

    found = _draw(project)

    assert (found.start, found.end) == (at(-5 * 86_400 - 60), at(-5 * 86_400 + 1))
    assert sum(bar.ok for bar in found.buckets) == 2


def test_histogram__empty_project__an_empty_day(project: Project) -> None:
    found = _draw(project)

    assert found.end - found.start == timedelta(hours=24)
    assert _bars(found) == {}


def test_histogram__started_in_the_query__is_the_range(project: Project) -> None:
    found = _draw(project, "started>=2026-11-01 started<2026-11-02")

    assert (found.start, found.end) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))


def test_histogram__out_of_time__says_from_when_on_it_is_whole(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observability.selectors.budget.FIRST_COUNTED", 5)
    write(project.pk, *(make_event(f"t{number:02}", at=number) for number in range(30)))
    seconds_left = iter([1.0, 0.0])
    monkeypatch.setattr(Budget, "left", property(lambda _: next(seconds_left)))

    found = _draw(project)

    assert (found.is_partial, found.covered_from, sum(bar.ok for bar in found.buckets)) == (True, at(25), 5)
