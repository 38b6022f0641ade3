from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from pytest_django import DjangoAssertNumQueries

from observability.errors import InvalidError, NotFoundError
from observability.models import LogEntry, Project
from observability.selectors import logs
from observability.selectors.logs import LogFilters, get_log_counts, list_log_records, open_log_fields
from observability.selectors.paging import Position, make_cursor
from observability.selectors.traces import get_trace
from tests.records import at, make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")


def _walk(project: Project, limit: int) -> Iterator[str]:
    cursor = None
    while True:
        page = list_log_records(project.pk, get_trace(project.pk, "t"), cursor=cursor, limit=limit)
        yield from (line.message for line in page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def test_list__a_line__says_what_was_stored(project: Project) -> None:
    fields = {"type": "note", "node": "n", "sequence": 3, "span_id": "root", "fields": b'{"a": 1.0}'}
    write(project.pk, make_log("t", "hello", at=1, stream="stderr", level="warn", **fields))

    [line] = list_log_records(project.pk, get_trace(project.pk, "t")).items

    assert (line.message, line.logged_at, line.stream, line.level) == ("hello", at(1), "stderr", "warn")
    assert (line.type, line.node, line.sequence, line.span_id) == ("note", "n", 3, "root")
    assert line.fields == msgspec.Raw(b'{"a": 1.0}')


def test_list__lines_of_one_moment__in_the_order_they_were_sent(project: Project) -> None:
    write(project.pk, *(make_log("t", f"line {number}") for number in (3, 1, 2)))

    assert list(_walk(project, 10)) == ["line 3", "line 1", "line 2"]


def test_list__pages__each_line_once(project: Project) -> None:
    write(project.pk, *(make_log("t", f"{number:02}", at=number // 3) for number in range(13)))

    assert list(_walk(project, 4)) == [f"{number:02}" for number in range(13)]


def test_list__before_and_after_the_events__still_there(project: Project) -> None:
    write(project.pk, make_event("t", at=5), make_log("t", "before", at=1), make_log("t", "after", at=20))

    assert list(_walk(project, 10)) == ["before", "after"]


@pytest.mark.parametrize(
    ("filters", "messages"),
    [
        (LogFilters(levels=("error",)), ["b"]),
        (LogFilters(streams=("stdout", "stderr")), ["a", "b"]),
        (LogFilters(span_id="s"), ["c"]),
        (LogFilters(levels=("info",), streams=("log",)), ["c"]),
        (LogFilters(nodes=("plan", "act")), ["b"]),
        (LogFilters(text="B"), ["b"]),
        (LogFilters(text="%"), []),
    ],
    ids=str,
)
def test_list__filter__keeps_what_matches(project: Project, filters: LogFilters, messages: list[str]) -> None:
    write(
        project.pk,
        make_log("t", "a", at=0),
        make_log("t", "b", at=1, stream="stderr", level="error", node="plan"),
        make_log("t", "c", at=2, stream="log", span_id="s"),
    )

    page = list_log_records(project.pk, get_trace(project.pk, "t"), filters=filters)

    assert [line.message for line in page.items] == messages


def test_list__since__only_what_came_after(project: Project) -> None:
    write(project.pk, make_log("t", "a"))
    since = list_log_records(project.pk, get_trace(project.pk, "t")).since
    write(project.pk, make_log("t", "b", at=-5))

    page = list_log_records(project.pk, get_trace(project.pk, "t"), filters=LogFilters(changed_since=since))

    assert [line.message for line in page.items] == ["b"]


def test_list__fields_in_a_blob__size_instead(project: Project) -> None:
    fields = b'{"a": "' + b"x" * 2**21 + b'"}'
    write(project.pk, make_log("t", "a", fields=fields))

    [line] = list_log_records(project.pk, get_trace(project.pk, "t")).items

    assert (line.fields, line.omitted_bytes) == (None, len(fields))
    assert b"".join(open_log_fields(project.pk, get_trace(project.pk, "t"), line.id).pieces) == fields


def test_fields__of_no_record_or_none_sent__not_found(project: Project, foreign_project: Project) -> None:
    write(project.pk, make_log("t", "bare"))
    write(foreign_project.pk, make_log("t", "theirs", fields=b"{}"))

    for entry in LogEntry.objects.all():
        with pytest.raises(NotFoundError):
            open_log_fields(project.pk, get_trace(project.pk, "t"), entry.id)


def test_list__other_traces_and_projects__not_among_them(project: Project, foreign_project: Project) -> None:
    write(project.pk, make_log("t", "mine"), make_log("u", "other"), make_log("", "outside"))
    write(foreign_project.pk, make_log("t", "foreign"))

    assert list(_walk(project, 10)) == ["mine"]


def test_list__many__one_query(project: Project, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    write(project.pk, *(make_log("t", str(number)) for number in range(30)))
    trace = get_trace(project.pk, "t")

    with django_assert_num_queries(1):
        assert len(list_log_records(project.pk, trace).items) == 30


def test_list__cursor_of_another_list__invalid(project: Project) -> None:
    write(project.pk, make_log("t", "a"))

    with pytest.raises(InvalidError, match="cursor"):
        list_log_records(project.pk, get_trace(project.pk, "t"), cursor=make_cursor(Position(at(0), "span")))


def test_list__newest_first__the_same_lines_backwards(project: Project) -> None:
    write(project.pk, *(make_log("t", f"{number:02}", at=number // 3) for number in range(7)))
    trace = get_trace(project.pk, "t")

    first = list_log_records(project.pk, trace, limit=4, is_newest_first=True)
    rest = list_log_records(project.pk, trace, limit=4, is_newest_first=True, cursor=first.next_cursor)

    found = [line.message for line in [*first.items, *rest.items]]
    assert found == ["06", "05", "04", "03", "02", "01", "00"]
    assert rest.next_cursor is None


def test_list__more_than_can_be_looked_through__invalid_and_says_what_to_do(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project.pk, make_log("t", "a"))
    monkeypatch.setattr(logs, "SECONDS", 0)

    with pytest.raises(InvalidError, match="narrow by level"):
        list_log_records(project.pk, get_trace(project.pk, "t"), filters=LogFilters(text="a"))
    assert get_log_counts(project.pk, get_trace(project.pk, "t")).is_partial


def test_counts__records__by_level_stream_and_node(
    project: Project, foreign_project: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    write(
        project.pk,
        *(make_log("t", f"a{number}", node="plan") for number in range(3)),
        make_log("t", "b", at=1, stream="stderr", level="error", node="act"),
        make_log("t", "c", at=2, stream="stderr"),
        make_log("u", "other"),
    )
    write(foreign_project.pk, make_log("t", "foreign"))
    trace = get_trace(project.pk, "t")

    counts = get_log_counts(project.pk, trace)

    assert [(found.value, found.count) for found in counts.levels] == [("info", 4), ("error", 1)]
    assert [(found.value, found.count) for found in counts.streams] == [("stdout", 3), ("stderr", 2)]
    assert [(found.value, found.count) for found in counts.nodes] == [("plan", 3), ("act", 1)]
    assert not counts.is_partial
    with django_assert_num_queries(4):
        get_log_counts(project.pk, trace)
