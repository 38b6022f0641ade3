from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from observability.errors import InvalidError, NotFoundError
from observability.models import Project
from observability.selectors import traces
from observability.selectors.budget import Budget
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.traces import count_newer_traces, get_trace, list_traces, list_traces_by_id
from observability.services.purge import delete_trace
from tests.records import at, make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")


def _ids(project: Project, **filters: Any) -> list[str]:
    return [trace.trace_id for trace in list_traces(project.pk, filters=TraceFilters(**filters)).items]


def _walk(project: Project, limit: int, **filters: Any) -> Iterator[str]:
    cursor = None
    while True:
        page = list_traces(project.pk, filters=TraceFilters(**filters), cursor=cursor, limit=limit)
        yield from (trace.trace_id for trace in page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def test_list__several__newest_first_and_of_this_project_alone(project: Project, foreign_project: Project) -> None:
    write(project.pk, make_event("old", at=0), make_event("new", at=5))
    write(foreign_project.pk, make_event("foreign", at=9))

    assert _ids(project) == ["new", "old"]


def test_list__a_row__says_what_was_stored(project: Project) -> None:
    usage: dict[str, Any] = {"model": "m", "cost_micros": 1_500, "kind": "ai", "name": "m", "parent_span_id": "root"}
    write(
        project.pk,
        make_event("t", session_id="s", user_id="u", environment="prod", service_name="desk", tags=("a", "b")),
        make_event("t", "call", at=0.5, status="error", error_message="no luck", lasts=2, **usage),
        make_log("t", "hello", at=1),
    )

    [trace] = list_traces(project.pk).items

    assert (trace.trace_id, trace.workflow_name, trace.status, trace.source) == ("t", "chat", "ok", "otlp")
    assert (trace.started_at, trace.ended_at, trace.duration_ms) == (at(0), at(2.5), 2500)
    assert (trace.event_count, trace.error_count, trace.log_count, trace.open_count) == (2, 1, 1, 0)
    assert (trace.cost_micros, trace.cost_usd, trace.model_names) == (1500, "0.001500", ["m"])
    assert (trace.session_id, trace.user_id, trace.environment, trace.service_name) == ("s", "u", "prod", "desk")
    assert (trace.tags, trace.error_message) == (["a", "b"], "no luck")


@pytest.mark.parametrize(
    "filters",
    [
        {"statuses": ("error",)},
        {"statuses": ("running", "error"), "session": "s"},
        {"since": at(10), "until": at(11)},
        {"workflow": "refund"},
        {"workflow": "ref*"},
        {"workflow": "*f*d"},
        {"session": "s"},
        {"user": "u"},
        {"environment": "prod"},
        {"service": "desk"},
        {"correlation": "c"},
        {"tag": "beta"},
        {"model": "gpt-5"},
        {"model": "gpt*"},
        {"min_duration_ms": 1500.0},
        {"min_cost_micros": 2_000_000},
        {"has_errors": True},
        {"text": "overdraft"},
        {"text": "Overdraft LIMIT"},
        {"text": "wanted"},
        {"ids": ("wanted", "nobody")},
        {"statuses": ("error",), "model": "gpt*", "text": "limit", "min_duration_ms": 1.0, "workflow": "r*"},
    ],
    ids=str,
)
def test_list__filter__keeps_what_matches(project: Project, filters: dict[str, Any]) -> None:
    known: dict[str, Any] = {
        "session_id": "s",
        "user_id": "u",
        "environment": "prod",
        "service_name": "desk",
        "correlation_id": "c",
    }
    ai: dict[str, Any] = {
        "kind": "ai",
        "name": "call",
        "model": "gpt-5",
        "cost_micros": 2_000_000,
        "parent_span_id": "root",
    }
    write(
        project.pk,
        make_event("before", at=0, name="chat"),
        make_event("wanted", at=10, lasts=2, name="refund", tags=("beta",), input=b'"the overdraft limit"', **known),
        make_event("wanted", "call", at=10, status="error", **ai),
        make_event("after", at=20, name="order", tags=("alpha",), input=b'"something else"'),
    )
    error = make_event("wanted", "late", at=10.5, kind="tool", status="error", parent_span_id="root")
    write(project.pk, error, make_event("wanted", at=10, lasts=3, name="refund", status="error"))

    assert _ids(project, **filters) == ["wanted"]


@pytest.mark.parametrize("name", ["100%", "a_b", "back\\slash", "star*", "(x|y)", "'quoted'"])
def test_list__workflow_with_special_letters__matches_itself_alone(project: Project, name: str) -> None:
    write(project.pk, make_event("other", name="100 axb backslash x y quoted"), make_event("wanted", at=1, name=name))

    assert _ids(project, workflow=name) == ["wanted"]


def test_list__wildcard__underscore_and_percent_are_letters(project: Project) -> None:
    write(project.pk, make_event("a", name="get_user"), make_event("b", name="getXuser"), make_event("c", name="get%"))

    assert _ids(project, workflow="get_*") == ["a"]
    assert _ids(project, workflow="*%") == ["c"]


@pytest.mark.parametrize("most_rare", [0, 1000], ids=["common", "rare"])
def test_list__text__found_the_same_whether_many_or_few_have_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, most_rare: int
) -> None:
    monkeypatch.setattr(traces, "_RARE_DOCUMENTS", most_rare)
    monkeypatch.setattr("observability.selectors.budget.FIRST_WINDOW", 3)
    write(project.pk, *(make_event(f"t{number:02}", at=number, input=b'"refund"') for number in range(9)))
    write(project.pk, make_event("t04", "later", at=4.5, name="overdraft"), make_event("x", at=20, name="overdraft"))

    assert list(_walk(project, 2, text="refund")) == [f"t{number:02}" for number in reversed(range(9))]
    assert _ids(project, text="overdraft") == ["x", "t04"]
    assert _ids(project, text="overdraft", since=at(4), until=at(5)) == ["t04"]
    assert _ids(project, text="overdraft", ids=("x", "t01")) == ["x"]
    assert _ids(project, text="overdraft", ids=("t01",)) == []
    assert _ids(project, text="nothing") == []


@pytest.mark.parametrize(
    "filters", [{"session": "s"}, {"workflow": "refund"}, {"statuses": ("error",)}, {"workflow": "ref*"}], ids=str
)
def test_list__windows_along_any_index__find_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch, filters: dict[str, Any]
) -> None:
    monkeypatch.setattr("observability.selectors.budget.FIRST_WINDOW", 2)
    wanted: dict[str, Any] = {"session_id": "s", "name": "refund", "status": "error"}
    write(
        project.pk, *(make_event(f"t{number:02}", at=number, user_id=f"u{number % 2}", **wanted) for number in range(9))
    )
    write(project.pk, *(make_event(f"x{number:02}", at=number, user_id="u0") for number in range(9)))

    assert list(_walk(project, 2, user="u0", **filters)) == ["t08", "t06", "t04", "t02", "t00"]


def test_list__text_without_any_word__finds_nothing(project: Project) -> None:
    write(project.pk, make_event("a"))

    assert _ids(project, text="?!") == []


def test_list__text_with_quotes_and_operators__is_only_text(project: Project) -> None:
    write(project.pk, make_event("a", input=b'"it\'s a | b & c"'))

    assert _ids(project, text="it's | b:* & 'c") == ["a"]


def test_list__pages__each_row_once_in_order(project: Project) -> None:
    # Some start at the same moment: the id decides.
    write(project.pk, *(make_event(f"t{number:02}", at=number // 3) for number in range(20)))

    seen = list(_walk(project, 3))

    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 20


def test_list__rows_arrive_between_pages__neither_repeat_nor_hide_others(project: Project) -> None:
    write(project.pk, *(make_event(f"t{number:02}", at=number) for number in range(10)))
    walk = _walk(project, 2)
    first = [next(walk), next(walk), next(walk)]

    write(project.pk, make_event("newest", at=99), make_event("t08b", at=8.5), make_event("t09", "late", at=9.5))

    assert first + list(walk) == [f"t{number:02}" for number in reversed(range(10))]


def test_list__same_with_filters_that_no_index_serves(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observability.selectors.budget.FIRST_WINDOW", 4)
    write(project.pk, *(make_event(f"t{number:02}", at=number, user_id="u" * (1 + number % 3)) for number in range(30)))

    assert list(_walk(project, 2, user="u")) == [f"t{number:02}" for number in reversed(range(0, 30, 3))]


def test_list__out_of_time__says_how_far_it_looked_and_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observability.selectors.budget.FIRST_WINDOW", 5)
    write(project.pk, *(make_event(f"t{number:02}", at=number, user_id=f"u{number}") for number in range(40)))
    seconds_left = iter([1.0, 0.0])
    monkeypatch.setattr(Budget, "left", property(lambda _: next(seconds_left)))

    page = list_traces(project.pk, filters=TraceFilters(user="u3"))

    assert (page.items, page.is_partial, page.covered_from) == ([], True, at(35))
    monkeypatch.undo()
    rest = list_traces(project.pk, filters=TraceFilters(user="u3"), cursor=page.next_cursor)
    assert [trace.trace_id for trace in rest.items] == ["t03"]
    assert not rest.is_partial


def test_list__statement_overruns_the_budget__partial_not_an_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project.pk, make_event("a", user_id="u"))
    monkeypatch.setattr(traces, "BUDGET_SECONDS", 0.05)

    def wait(*_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(traces, "_find_window_end", wait)
    page = list_traces(project.pk, filters=TraceFilters(user="u"))

    assert (page.items, page.is_partial, page.next_cursor) == ([], True, None)


def test_list__one_or_many__same_queries(project: Project, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    write(project.pk, make_event("one", user_id="u"))
    filters = TraceFilters(user="u", text="chat")
    with CaptureQueriesContext(connection) as one:
        list_traces(project.pk, filters=filters)
    write(project.pk, *(make_event(f"t{number}", at=number, user_id="u") for number in range(20)))

    with django_assert_num_queries(len(one)):
        assert len(list_traces(project.pk, filters=filters).items) == 21
    with django_assert_num_queries(1):
        assert len(list_traces(project.pk).items) == 21


def test_list__cursor_of_nobody__invalid(project: Project) -> None:
    with pytest.raises(InvalidError, match="cursor"):
        list_traces(project.pk, cursor="nonsense")


def test_count_newer__traces_arrive__counts_those_that_match(project: Project) -> None:
    write(project.pk, make_event("a", at=0))
    newest = list_traces(project.pk).newest_cursor

    write(project.pk, make_event("b", at=1), make_event("c", at=2, name="refund"), make_event("older", at=-5))

    counts = [
        count_newer_traces(project.pk, newer_than=newest).count,
        count_newer_traces(project.pk, newer_than=newest, filters=TraceFilters(workflow="refund")).count,
        count_newer_traces(project.pk, newer_than=newest, filters=TraceFilters(text="refund")).count,
    ]
    assert counts == [2, 1, 1]


def test_count_newer__list_was_empty__counts_all(project: Project) -> None:
    newest = list_traces(project.pk).newest_cursor
    write(project.pk, make_event("a"))

    assert count_newer_traces(project.pk, newer_than=newest).count == 1


def test_count_newer__very_many__stops_counting(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "COUNT_AT_MOST", 2)
    newest = list_traces(project.pk).newest_cursor
    write(project.pk, *(make_event(f"t{number}") for number in range(4)))

    newer = count_newer_traces(project.pk, newer_than=newest)

    assert (newer.count, newer.is_more) == (2, True)


def test_by_id__changed_and_deleted__as_they_are_now(
    project: Project, foreign_project: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    write(project.pk, make_event("a", lasts=None), make_event("b", at=1), make_event("gone", at=2))
    write(foreign_project.pk, make_event("foreign"))
    write(project.pk, make_event("a", lasts=3))
    delete_trace(project_id=project.pk, trace_id="gone")

    with django_assert_num_queries(1):
        found = list_traces_by_id(project.pk, ["a", "b", "gone", "foreign", "never"])

    assert [(trace.trace_id, trace.status) for trace in found] == [("b", "ok"), ("a", "ok")]


def test_get__foreign_deleted_or_unknown__not_found(project: Project, foreign_project: Project) -> None:
    write(project.pk, make_event("gone"))
    write(foreign_project.pk, make_event("foreign"))
    delete_trace(project_id=project.pk, trace_id="gone")

    for trace_id in ("gone", "foreign", "never"):
        with pytest.raises(NotFoundError):
            get_trace(project.pk, trace_id)


def test_list__deleted__hidden_also_from_search(project: Project) -> None:
    write(project.pk, make_event("gone", input=b'"overdraft"'))
    delete_trace(project_id=project.pk, trace_id="gone")

    assert (_ids(project), _ids(project, text="overdraft"), _ids(project, text="gone")) == ([], [], [])


def test_list__time_far_off__found_and_flagged(project: Project) -> None:
    seconds = (datetime(2020, 1, 1, tzinfo=UTC) - at(0)) / timedelta(seconds=1)
    write(project.pk, make_event("old", at=seconds, input=b'"overdraft"'))

    [trace] = list_traces(project.pk, filters=TraceFilters(text="overdraft")).items

    assert trace.flags == ("time_suspect",)
