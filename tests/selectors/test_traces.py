from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from observability.errors import InvalidError, NotFoundError
from observability.ingest.records import Usage
from observability.models import Project
from observability.query import parse_query
from observability.query.values import quote
from observability.selectors import traces
from observability.selectors.budget import Budget
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.traces import count_newer_traces, get_trace, list_traces, list_traces_by_id
from observability.services.purge import delete_trace
from tests.records import at, make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")


def _filter(q: str = "", **others: Any) -> TraceFilters:
    return TraceFilters(query=parse_query(q), **others)


def _ids(project: Project, q: str = "", **others: Any) -> list[str]:
    return [trace.trace_id for trace in list_traces(project.pk, filters=_filter(q, **others)).items]


def _walk(project: Project, limit: int, q: str = "", **others: Any) -> Iterator[str]:
    cursor = None
    while True:
        page = list_traces(project.pk, filters=_filter(q, **others), cursor=cursor, limit=limit)
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
    ("q", "others"),
    [
        ("status:error", {}),
        ("status:(running OR error) session:s", {}),
        ("", {"since": at(10), "until": at(11)}),
        (f"started>={at(10):%Y-%m-%dT%H:%M:%S} started<{at(11):%Y-%m-%dT%H:%M:%SZ}", {}),
        (f"ended>{at(11.5):%Y-%m-%dT%H:%M:%SZ} ended<{at(20):%Y-%m-%dT%H:%M:%SZ}", {}),
        ("workflow:refund", {}),
        ("workflow:ref*", {}),
        ("workflow:*f*d", {}),
        ("-workflow:chat,order", {}),
        ("session:s", {}),
        ("session:*", {}),
        ("user:u", {}),
        ("env:prod", {}),
        ("service:desk", {}),
        ("version:1.4.*", {}),
        ("agent:triage", {}),
        ("correlation:c", {}),
        ("tag:beta", {}),
        ("tag:b*", {}),
        ("tag:beta,gamma", {}),
        ("model:gpt-5", {}),
        ("model:gpt*", {}),
        ("model:*", {}),
        ("source:sdk", {}),
        ("flag:redacted,time_suspect", {}),
        ('error:"LUCK this"', {}),
        ("id:wan*", {}),
        ("id:wanted,nobody", {}),
        ("duration>1.5s", {}),
        ("duration:3000", {}),
        ("cost>=$2", {}),
        ("cost:*", {}),
        ("tokens>=1k", {}),
        ("input_tokens:900 output_tokens:100", {}),
        ("events>2", {}),
        ("errors>0", {}),
        ("logs:1", {}),
        ("overdraft", {}),
        ("Overdraft LIMIT", {}),
        ("overdraft OR model:gpt-5", {}),
        ("-something -status:ok", {}),
        ("-(something OR status:ok)", {}),
        ("wanted", {}),
        ("", {"ids": ("wanted", "nobody")}),
        ("status:error model:gpt* limit duration>1ms workflow:r*", {}),
    ],
    ids=str,
)
def test_list__filter__keeps_what_matches(project: Project, q: str, others: dict[str, Any]) -> None:
    known: dict[str, Any] = {
        "session_id": "s",
        "user_id": "u",
        "environment": "prod",
        "service_name": "desk",
        "service_version": "1.4.0",
        "agent_name": "triage",
        "source": "sdk",
        "correlation_id": "c",
    }
    ai: dict[str, Any] = {
        "kind": "ai",
        "name": "call",
        "model": "gpt-5",
        "cost_micros": 2_000_000,
        "usage": Usage(input=900, output=100, total=1000),
        "error_message": "no luck this time",
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
    secret = make_event(
        "wanted",
        "late-call",
        at=10.5,
        name="x",
        parent_span_id="root",
        output=b'"bearer sk-proj-Tz0aB3dE5fG7hI9jK1lM3nO5pQ"',
    )
    write(project.pk, error, secret, make_log("wanted", at=11))
    write(project.pk, make_event("wanted", at=10, lasts=3, name="refund", status="error", source="sdk"))

    assert _ids(project, q, **others) == ["wanted"]


@pytest.mark.parametrize("name", ["100%", "a_b", "back\\slash", "star*", "(x|y)", "'quoted'"])
def test_list__workflow_with_special_letters__matches_itself_alone(project: Project, name: str) -> None:
    write(project.pk, make_event("other", name="100 axb backslash x y quoted"), make_event("wanted", at=1, name=name))

    assert _ids(project, f"workflow:{quote(name)}") == ["wanted"]


def test_list__wildcard__underscore_and_percent_are_letters(project: Project) -> None:
    write(project.pk, make_event("a", name="get_user"), make_event("b", name="getXuser"), make_event("c", name="get%"))

    assert _ids(project, "workflow:get_*") == ["a"]
    assert _ids(project, "workflow:*%") == ["c"]


@pytest.mark.parametrize("most_rare", [0, 1000], ids=["common", "rare"])
def test_list__text__found_the_same_whether_many_or_few_have_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, most_rare: int
) -> None:
    monkeypatch.setattr(traces, "_RARE_DOCUMENTS", most_rare)
    monkeypatch.setattr("observability.selectors.budget.FIRST_WINDOW", 3)
    write(project.pk, *(make_event(f"t{number:02}", at=number, input=b'"refund"') for number in range(9)))
    write(project.pk, make_event("t04", "later", at=4.5, name="overdraft"), make_event("x", at=20, name="overdraft"))

    assert list(_walk(project, 2, "refund")) == [f"t{number:02}" for number in reversed(range(9))]
    assert _ids(project, "overdraft") == ["x", "t04"]
    assert _ids(project, "overdraft", since=at(4), until=at(5)) == ["t04"]
    assert _ids(project, "overdraft", ids=("x", "t01")) == ["x"]
    assert _ids(project, "overdraft", ids=("t01",)) == []
    assert _ids(project, "nothing") == []


@pytest.mark.parametrize(
    "q", ["session:s", "workflow:refund", "status:error", "workflow:ref*", "started>-2h", "user:*", "chat OR refund"]
)
def test_list__windows_along_any_index__find_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch, q: str
) -> None:
    monkeypatch.setattr("observability.selectors.budget.FIRST_WINDOW", 2)
    wanted: dict[str, Any] = {"session_id": "s", "name": "refund", "status": "error"}
    write(
        project.pk, *(make_event(f"t{number:02}", at=number, user_id=f"u{number % 2}", **wanted) for number in range(9))
    )
    write(project.pk, *(make_event(f"x{number:02}", at=number, user_id="u0") for number in range(9)))

    assert list(_walk(project, 2, f"user:u0 status:error ({q})")) == ["t08", "t06", "t04", "t02", "t00"]


def test_list__text_with_quotes_and_operators__is_only_text(project: Project) -> None:
    write(project.pk, make_event("a", input=b'"it\'s a | b & c"'), make_event("b", at=1, input=b'"it\'s a"'))

    assert _ids(project, """ "it's | b:* & 'c" """) == ["a"]


def test_list__words_that_came_in_different_commits__found_together(project: Project) -> None:
    write(project.pk, make_event("a", input=b'"refund"'), make_event("b", at=1, input=b'"refund"'))
    write(project.pk, make_event("a", "later", at=2, name="overdraft", parent_span_id="root"))

    assert _ids(project, "refund overdraft") == ["a"]
    assert _ids(project, "refund -overdraft") == ["b"]


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

    assert list(_walk(project, 2, "user:u")) == [f"t{number:02}" for number in reversed(range(0, 30, 3))]


def test_list__out_of_time__says_how_far_it_looked_and_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observability.selectors.budget.FIRST_WINDOW", 5)
    write(project.pk, *(make_event(f"t{number:02}", at=number, environment=f"e{number}") for number in range(40)))
    seconds_left = iter([1.0, 1.0, 0.0])
    monkeypatch.setattr(Budget, "left", property(lambda _: next(seconds_left)))

    page = list_traces(project.pk, filters=_filter("env:e3"))

    assert (page.items, page.is_partial, page.covered_from) == ([], True, at(35))
    monkeypatch.undo()
    rest = list_traces(project.pk, filters=_filter("env:e3"), cursor=page.next_cursor)
    assert [trace.trace_id for trace in rest.items] == ["t03"]
    assert not rest.is_partial


def test_list__statement_overruns_the_budget__partial_not_an_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project.pk, make_event("a", environment="e"))
    monkeypatch.setattr(traces, "BUDGET_SECONDS", 0.05)

    def wait(*_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(traces, "find_window_end", wait)
    page = list_traces(project.pk, filters=_filter("env:e"))

    assert (page.items, page.is_partial, page.next_cursor) == ([], True, None)


def test_list__one_or_many__same_queries(project: Project, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    write(project.pk, make_event("one", user_id="u"))
    filters = _filter("user:u chat")
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
        count_newer_traces(project.pk, newer_than=newest, filters=_filter("workflow:refund")).count,
        count_newer_traces(project.pk, newer_than=newest, filters=_filter("refund")).count,
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

    assert (_ids(project), _ids(project, "overdraft"), _ids(project, "gone")) == ([], [], [])


def test_list__time_far_off__found_and_flagged(project: Project) -> None:
    seconds = (datetime(2020, 1, 1, tzinfo=UTC) - at(0)) / timedelta(seconds=1)
    write(project.pk, make_event("old", at=seconds, input=b'"overdraft"'))

    [trace] = list_traces(project.pk, filters=_filter("overdraft")).items

    assert trace.flags == ("time_suspect",)
