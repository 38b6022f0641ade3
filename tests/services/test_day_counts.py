"""What is remembered of past days is exact: whatever is sent, deleted, restored or expired, and by however many."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from operator import itemgetter
from threading import Event
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.ingest.past_days import REMEMBERED_AFTER, find_end_of_past
from observability.ingest.statements import to_datetime, to_us
from observability.models import Project, Trace, TraceDay
from observability.query import parse_query
from observability.selectors import trace_days
from observability.selectors.budget import Budget
from observability.selectors.trace_facets import get_trace_facets
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.trace_histogram import get_trace_histogram
from observability.selectors.traces import list_traces
from observability.services import day_counts
from observability.services.day_counts import count_all_days, count_day, list_uncounted_days
from observability.services.expiry import expire_project
from observability.services.purge import delete_trace, restore_traces
from observability.sql.store import DISTRIBUTED, PARTITIONED
from tests.records import START, make_event, write
from tests.recounting import recount

pytestmark = pytest.mark.usefixtures("store")

DAY = 86_400
TODAY = to_datetime(find_end_of_past(to_us(timezone.now()), REMEMBERED_AFTER))
"""The end of the last day that may be remembered."""
MIDNIGHT = (TODAY - START).total_seconds()
"""Seconds from a test's usual moment to the start of its day."""


@pytest.fixture(autouse=True)
def count_small_projects_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_counts, "FEWEST_TRACES", 1)
    monkeypatch.setattr("observability.selectors.trace_facets._FEW_ROWS", 0)


def _moment(days_ago: float) -> float:
    """Return noon of a day, or a time before it, in seconds from a test's usual moment."""
    return MIDNIGHT - days_ago * DAY + DAY / 2


def _send(project: Project, number: int, *, days_ago: float = 2, span: str = "root", **fields: Any) -> None:
    write(project.pk, make_event(f"t{number}", span, at=_moment(days_ago), **fields))


def _day(days_ago: int) -> date:
    return (TODAY - timedelta(days=days_ago)).date()


def _remembered() -> dict[date, int]:
    """Return how many traces each remembered day has by its hours."""
    return {row.day: sum(row.hour_traces or []) for row in TraceDay.objects.filter(hours__isnull=False)}


def _check_remembered(project: Project) -> None:
    """Compare all that is remembered with the traces there are, counted one by one."""
    traces = Trace.objects.filter(project_id=project.pk, deleted_at=None).values()
    production = [trace for trace in traces if not trace["flags"] & 2048]
    for row in TraceDay.objects.filter(project_id=project.pk, hours__isnull=False):
        of_day = [trace for trace in production if trace["started_at"].date() == row.day]
        hours = Counter(
            (trace["started_at"].replace(minute=0, second=0, microsecond=0), trace["status"]) for trace in of_day
        )
        users = Counter((trace["user_id"], trace["status"]) for trace in of_day if trace["user_id"])
        hashes = Counter(trace["facets_hash"] for trace in of_day)
        assert _zip(row.hours, row.hour_statuses, row.hour_traces) == hours
        assert _zip(row.user_ids, row.user_statuses, row.user_traces) == users
        latest = {trace["facets_hash"]: trace["started_at"] for trace in sorted(of_day, key=itemgetter("started_at"))}
        assert _zip(row.facet_hashes, row.facet_latest, row.facet_traces) == {
            (key, latest[key]): count for key, count in hashes.items()
        }


def _zip(first: list[Any] | None, second: list[Any] | None, counts: list[int] | None) -> dict[tuple[Any, Any], int]:
    """Return the counts by what stands beside them."""
    return {(one, two): count for one, two, count in zip(first or (), second or (), counts or (), strict=True)}


def _check_reads(project: Project, q: str) -> None:
    """Compare facets and bars with the list itself."""
    until = START + timedelta(hours=12)
    filters = TraceFilters(query=parse_query(q), since=until - timedelta(days=30), until=until)
    found = get_trace_facets(project.pk, filters=filters)
    assert not found.is_partial
    for facet in found.facets:
        own = TraceFilters(
            query=parse_query(q).without_field(facet.field), since=filters.since, until=until, has_reruns="rerun" in q
        )
        counts = {value.value: value.count for value in facet.values if value.count}
        assert counts == recount(project, own)[facet.field], (q, facet.field)
    bars = get_trace_histogram(project.pk, filters=filters)
    traces = list_traces(project.pk, filters=filters, limit=500).items
    assert bars.bucket_s == DAY / 2
    for bar in bars.buckets:
        inside = [trace.status for trace in traces if bar.at <= trace.started_at < bar.at + timedelta(seconds=DAY / 2)]
        assert (bar.ok, bar.error, bar.running) == tuple(map(inside.count, ("ok", "error", "running"))), (q, bar.at)


# --- Counting ---------------------------------------------------------------------------------------------------------


def test_count__past_days__each_from_the_first_trace_on_and_today_not(project: Project) -> None:
    for number, days_ago in enumerate((4, 2, 2, 0)):
        _send(project, number, days_ago=days_ago)

    assert list_uncounted_days(project.pk) == [_day(1), _day(2), _day(3), _day(4)]
    assert count_all_days(seconds=60)

    assert _remembered() == {_day(1): 0, _day(2): 2, _day(3): 0, _day(4): 1}
    assert list_uncounted_days(project.pk) == []
    assert not count_day(project.pk, _day(2))


def test_count__small_project__remembers_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_counts, "FEWEST_TRACES", 3)
    _send(project, 1)
    _send(project, 2, days_ago=3)
    _send(project, 3, days_ago=0)

    assert count_all_days(seconds=60)

    assert _remembered() == {}


def test_count__time_is_over__says_that_there_is_more(project: Project) -> None:
    _send(project, 1)

    assert not count_all_days(seconds=0)


def test_count__very_varied_day__remembers_its_hours_alone(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_counts, "MOST_GROUPS", 3)
    for number in range(4):
        _send(project, number, user_id=f"u{number}", status="error" if number else "ok")

    assert count_day(project.pk, _day(2))

    [row] = TraceDay.objects.all()
    assert (sum(row.hour_traces or []), row.facet_hashes, row.user_ids) == (4, None, None)
    _check_reads(project, "")
    _check_reads(project, "status:error")


@pytest.mark.parametrize("read", ["facets", "bars"])
def test_reads__remembered_day__is_not_looked_through(project: Project, read: str) -> None:
    _send(project, 1)
    count_day(project.pk, _day(2))
    TraceDay.objects.update(hour_traces=[70], facet_traces=[70])

    until = START + timedelta(hours=12)
    filters = TraceFilters(since=until - timedelta(days=30), until=until)
    if read == "facets":
        [status] = [facet for facet in get_trace_facets(project.pk, filters=filters).facets if facet.field == "status"]
        assert [(value.value, value.count) for value in status.values] == [("ok", 70)]
    else:
        assert sum(bar.ok for bar in get_trace_histogram(project.pk, filters=filters).buckets) == 70


def test_reads__out_of_time__whole_from_the_oldest_day_that_was_taken(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        _send(project, number, days_ago=number)
    count_all_days(seconds=60)
    monkeypatch.setattr(trace_days, "MOST_TAKEN", 1)
    seconds_left = iter([1.0, 0.0])
    monkeypatch.setattr(Budget, "left", property(lambda _: next(seconds_left)))

    found = get_trace_facets(project.pk)

    assert (found.is_partial, found.covered_from) == (True, TODAY - timedelta(days=1))
    assert [value.count for value in found.facets[0].values] == [1]


# --- Whatever happens -------------------------------------------------------------------------------------------------

QUERIES = (
    "",
    "status:error",
    "-status:ok",
    "workflow:chat,order",
    "status:ok,running workflow:chat",
    "tag:eu OR environment:prod",
    "model:gpt* -tag:eu",
    "flag:rerun",
    "user:u1",
    "status:error user:u0",
    "duration>=1s",
)
_WHICH = st.integers(0, 2)
_DAYS_AGO = st.sampled_from([0, 1, 2, 2.4, 3])
_FIELDS = st.fixed_dictionaries(
    {"status": st.sampled_from(["ok", "error", "running"]), "kind": st.just("ai")},
    optional={
        "name": st.sampled_from(["chat", "order"]),
        "user_id": st.sampled_from(["u0", "u1"]),
        "tags": st.sampled_from([("eu",), ("eu", "beta")]),
        "environment": st.just("prod"),
        "model": st.just("gpt-5"),
        "run_id": st.just("run-1"),
    },
)
_STEPS = st.one_of(
    st.tuples(st.just("send"), _WHICH, _DAYS_AGO, _FIELDS),
    st.tuples(st.just("send"), _WHICH, _DAYS_AGO, _FIELDS),
    st.tuples(st.just("go on"), _WHICH, _DAYS_AGO, _FIELDS),
    st.tuples(st.just("delete"), _WHICH),
    st.tuples(st.just("restore"), _WHICH),
    st.tuples(st.just("expire"), st.sampled_from([1, 2])),
)


def _do(project: Project, step: tuple[Any, ...]) -> None:
    match step:
        case ("send", number, days_ago, fields):
            _send(project, number, days_ago=days_ago, **fields)
        case ("go on", number, days_ago, fields):
            _send(project, number, days_ago=days_ago, span="child", parent_span_id="root", **fields)
        case ("delete", number):
            if Trace.objects.filter(trace_id=f"t{number}", deleted_at=None).exists():
                delete_trace(project_id=project.pk, trace_id=f"t{number}")
        case ("restore", number):
            restore_traces(project_id=project.pk, trace_ids=[f"t{number}"])
        case (_, days):
            before = TODAY - timedelta(days=days)
            for _ in expire_project(project.pk, before=before, ranges={name: [(None, before)] for name in PARTITIONED}):
                _check_remembered(project)


@given(steps=st.lists(_STEPS, min_size=3, max_size=8), q=st.sampled_from(QUERIES))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_remembered__whatever_happens__is_exact(project: Project, steps: list[tuple[Any, ...]], q: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(DISTRIBUTED)}")
    for number, days_ago in enumerate((1, 2, 3, 2)):
        _send(project, number, days_ago=days_ago, user_id="u0")

    for step in steps:
        count_all_days(seconds=60)
        _do(project, step)
        _check_remembered(project)

    _check_reads(project, "")
    _check_reads(project, q)


_CHANGES: dict[str, tuple[Callable[[Project], object], set[int]]] = {
    "a new trace": (lambda project: _send(project, 9, days_ago=3), {3}),
    "one goes on": (lambda project: _send(project, 2, span="child", parent_span_id="root"), {2}),
    "one goes on today": (lambda project: _send(project, 2, days_ago=0, span="child", parent_span_id="root"), {2}),
    "one began a day before": (lambda project: _send(project, 2, days_ago=3, span="new root"), {2, 3}),
    "one is a rerun": (lambda project: _send(project, 2, span="child", parent_span_id="root", run_id="r"), {2}),
    "one is deleted": (lambda project: delete_trace(project_id=project.pk, trace_id="t2"), {2}),
    "one is sent again": (lambda project: _send(project, 2), set()),
    "a trace of today": (lambda project: _send(project, 9, days_ago=0), set()),
}


@pytest.mark.parametrize("change", _CHANGES)
def test_remembered__day_changes__that_day_is_forgotten_and_no_other(project: Project, change: str) -> None:
    for number in (1, 2, 3):
        _send(project, number, days_ago=number)
    count_all_days(seconds=60)
    do, changed = _CHANGES[change]

    do(project)

    assert set(_remembered()) == {_day(number) for number in (1, 2, 3) if number not in changed}
    _check_reads(project, "")


def test_remembered__deleted_trace_is_restored__its_day_is_forgotten_again(project: Project) -> None:
    _send(project, 1, days_ago=1)
    delete_trace(project_id=project.pk, trace_id="t1")
    _send(project, 2, days_ago=2)
    count_all_days(seconds=60)

    restore_traces(project_id=project.pk, trace_ids=["t1"])

    assert set(_remembered()) == {_day(2)}
    _check_reads(project, "")


# --- At once ----------------------------------------------------------------------------------------------------------


@contextmanager
def _in_thread() -> Iterator[Callable[..., Any]]:
    """Give a function that runs another in a thread, whose connection is closed at the end."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit
        pool.submit(connections.close_all).result()


@contextmanager
def _holding(table: str) -> Iterator[None]:
    """Keep others from writing to a table."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield
        other.rollback()
    finally:
        other.close()


def _wait_until_writer_waits() -> None:
    """Return once a transaction of the writer waits for a lock."""
    waits = """
        SELECT count(*) FROM pg_stat_activity WHERE application_name = 'playhead-writer' AND wait_event_type = 'Lock'
    """
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(waits)
            if cursor.fetchone()[0]:
                return
    raise AssertionError("the writer waits for nothing")


def test_count__writer_has_changed_the_day_and_not_committed__counts_only_afterwards(project: Project) -> None:
    _send(project, 1)
    with _in_thread() as submit:
        # The writer comes to this table last.
        with _holding("ingest_counts"):
            sending = submit(_send, project, 2)
            _wait_until_writer_waits()

            assert not count_day(project.pk, _day(2))
            assert _remembered() == {}
        sending.result()

    assert count_day(project.pk, _day(2))
    assert _remembered() == {_day(2): 2}


def test_count__day_changes_after_it_was_counted_and_before_that_is_stored__is_forgotten(project: Project) -> None:
    _send(project, 1)
    has_counted, may_store = Event(), Event()

    def hold(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith("UPDATE trace_days"):
            has_counted.set()
            may_store.wait()
        return execute(sql, params, many, context)

    def count() -> bool:
        with connection.execute_wrapper(hold):
            return count_day(project.pk, _day(2))

    with _in_thread() as submit_count, _in_thread() as submit_send:
        counting = submit_count(count)
        has_counted.wait()
        sending = submit_send(_send, project, 2)
        try:
            _wait_until_writer_waits()
        finally:
            may_store.set()

        assert counting.result()
        sending.result()

    assert _remembered() == {}
    _check_reads(project, "")


@pytest.mark.parametrize("mark", ["unnest(facet_hashes)", "unnest(d.hours"])
def test_reads__day_forgotten_since_the_read_began__look_through_it(project: Project, mark: str) -> None:
    _send(project, 1)
    _send(project, 2)
    _send(project, 3, days_ago=3)
    count_all_days(seconds=60)
    forgotten: list[str] = []

    with _in_thread() as submit:

        def forget(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
            if mark in sql:
                forgotten.append(sql)
                submit(delete_trace, project_id=project.pk, trace_id="t1").result()
            return execute(sql, params, many, context)

        with connection.execute_wrapper(forget):
            _check_reads(project, "")

    assert len(forgotten) == 1
    assert _day(2) not in _remembered()


def test_remembered__writers_and_counting_at_once__is_exact_at_the_end(project: Project) -> None:
    def send(first: int) -> None:
        for number in range(first, first + 12):
            _send(project, number, days_ago=2 + number % 2, status="running")
            _send(project, number, days_ago=2 + number % 2)

    with _in_thread() as submit_first, _in_thread() as submit_second:
        sending = [submit_first(send, 0), submit_second(send, 100)]
        while not all(each.done() for each in sending):
            count_all_days(seconds=60)
            _check_days_of_one_moment(project)
        for each in sending:
            each.result()

    _check_remembered(project)
    assert count_all_days(seconds=60)
    assert _remembered() == {_day(1): 0, _day(2): 12, _day(3): 12}


def _check_days_of_one_moment(project: Project) -> None:
    """Compare the numbers in one statement, so in one snapshot, while others write."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.day, (SELECT coalesce(sum(n), 0) FROM unnest(d.hour_traces) AS n), count(t.trace_id)
            FROM trace_days AS d LEFT JOIN traces AS t ON t.project_id = %s AND t.started_at::date = d.day
            WHERE d.project_id = %s AND d.hours IS NOT NULL GROUP BY d.day, d.hour_traces
            """,
            [project.pk, project.pk],
        )
        for day, remembered, there in cursor.fetchall():
            assert remembered == there, day
