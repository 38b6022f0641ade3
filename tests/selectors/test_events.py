from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from observability.errors import InvalidError
from observability.models import Project
from observability.selectors.events import EventWindow, list_events
from observability.selectors.traces import get_trace
from observability.services.purge import delete_trace
from tests.records import at, make_event, write

pytestmark = pytest.mark.usefixtures("store")


def _spans(project: Project, trace_id: str = "t", **window: Any) -> list[str]:
    page = list_events(project.pk, get_trace(project.pk, trace_id), window=EventWindow(**window))
    return [event.span_id for event in page.items]


def _walk(project: Project, trace_id: str, limit: int) -> Iterator[str]:
    cursor = None
    while True:
        page = list_events(project.pk, get_trace(project.pk, trace_id), cursor=cursor, limit=limit)
        yield from (event.span_id for event in page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def _write_tree(project: Project) -> None:
    write(
        project.pk,
        make_event("t", "root", at=0, lasts=10),
        make_event("t", "a", at=1, lasts=2, parent_span_id="root"),
        make_event("t", "b", at=5, lasts=1, parent_span_id="root"),
        make_event("t", "a1", at=1.5, lasts=1, parent_span_id="a"),
        make_event("t", "orphan", at=7, lasts=1, parent_span_id="lost"),
        make_event("t", "self", at=8, lasts=1, parent_span_id="self"),
    )


def test_list__a_row__says_what_was_stored(project: Project) -> None:
    write(
        project.pk,
        make_event("t", "root", lasts=5),
        make_event(
            "t",
            "call",
            at=1,
            lasts=2,
            parent_span_id="root",
            kind="ai",
            name="m",
            model="m",
            cost_micros=2,
            input=b'"q"',
        ),
    )

    _, call = list_events(project.pk, get_trace(project.pk, "t")).items

    assert (call.span_id, call.parent_span_id, call.kind, call.status) == ("call", "root", "ai", "ok")
    assert (call.started_at, call.ended_at, call.duration_ms) == (at(1), at(3), 2000)
    assert (call.model, call.cost_micros, call.cost_usd, call.input_preview) == ("m", 2, "0.000002", "q")
    assert call.flags == ("cost_stated",)
    assert not call.inferred


def test_list__previews_not_asked_for__left_out(project: Project) -> None:
    write(project.pk, make_event("t", input=b'"q"', output=b'"a"'))

    [event] = list_events(project.pk, get_trace(project.pk, "t"), has_previews=False).items

    assert (event.input_preview, event.output_preview) == (None, None)


def test_list__pages__each_event_once_by_start_and_span(project: Project) -> None:
    write(project.pk, *(make_event("t", f"s{number:02}", at=number // 4) for number in reversed(range(19))))

    assert list(_walk(project, "t", 3)) == [f"s{number:02}" for number in range(19)]


def test_list__other_traces_and_projects__not_among_them(project: Project, foreign_project: Project) -> None:
    write(project.pk, make_event("t", "mine"), make_event("u", "other"))
    write(foreign_project.pk, make_event("t", "foreign"))

    assert _spans(project) == ["mine"]


@pytest.mark.parametrize(
    ("window", "spans"),
    [
        ({}, ["root", "a", "a1", "b", "orphan", "self"]),
        ({"max_depth": 0}, ["root", "orphan", "self"]),
        ({"max_depth": 1}, ["root", "a", "b", "orphan", "self"]),
        ({"max_depth": 2}, ["root", "a", "a1", "b", "orphan", "self"]),
        ({"since": at(4)}, ["root", "b", "orphan", "self"]),
        ({"until": at(5)}, ["root", "a", "a1"]),
        ({"since": at(2.6), "until": at(5.5)}, ["root", "a", "b"]),
        ({"since": at(4), "until": at(6), "max_depth": 0}, ["root"]),
    ],
    ids=str,
)
def test_list__window__keeps_what_lies_in_it(project: Project, window: dict[str, Any], spans: list[str]) -> None:
    _write_tree(project)

    assert _spans(project, **window) == spans


def test_list__parents_in_a_circle__all_there_and_depth_ends(project: Project) -> None:
    write(
        project.pk,
        make_event("t", "a", parent_span_id="b"),
        make_event("t", "b", at=1, parent_span_id="a"),
    )

    assert _spans(project) == ["a", "b"]
    assert _spans(project, max_depth=5) == []


def test_list__since__only_what_changed_after_it(project: Project) -> None:
    write(project.pk, make_event("t", "root", lasts=None), make_event("t", "a", at=1, parent_span_id="root"))
    token = list_events(project.pk, get_trace(project.pk, "t")).since

    write(project.pk, make_event("t", "root", lasts=9), make_event("t", "b", at=2, parent_span_id="root"))

    assert _spans(project, changed_since=token) == ["root", "b"]
    assert _spans(project, changed_since=list_events(project.pk, get_trace(project.pk, "t")).since) == []


@pytest.mark.parametrize("token", ["x", "1.x", "-1", "1" * 40, "."])
def test_list__since_of_nobody__invalid(project: Project, token: str) -> None:
    write(project.pk, make_event("t"))

    with pytest.raises(InvalidError, match="since"):
        _spans(project, changed_since=token)


def test_list__time_far_off__every_event_is_there(project: Project) -> None:
    write(project.pk, make_event("t", "root"), make_event("t", "ancient", at=-90_000_000, parent_span_id="root"))

    assert _spans(project) == ["ancient", "root"]


def test_list__one_or_many__same_queries(project: Project, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    write(project.pk, make_event("chat::1::a", session_id="s", source="sdk"))
    trace = get_trace(project.pk, "chat::1::a")
    with CaptureQueriesContext(connection) as one:
        list_events(project.pk, trace)
    write(
        project.pk,
        *(make_event("chat::1::a", f"s{number}", at=number, session_id="s", source="sdk") for number in range(20)),
        *(make_event("unknown-workflow::s", f"u{number}", session_id="s", source="sdk") for number in range(20)),
    )

    trace = get_trace(project.pk, "chat::1::a")
    with django_assert_num_queries(len(one)):
        assert len(list_events(project.pk, trace).items) == 41


def test_list__run_that_its_client_named_like_none__has_what_was_sent_in_it(project: Project) -> None:
    sent: dict[str, Any] = {"session_id": "s", "source": "sdk"}
    write(
        project.pk,
        make_event("unknown-workflow::1700000000000::a", "root", name="unknown-workflow", **sent),
        make_event("unknown-workflow::s", "call", at=1, kind="http", **sent),
    )

    run = get_trace(project.pk, "unknown-workflow::1700000000000::a")

    assert [event.span_id for event in list_events(project.pk, run).items] == ["root", "call"]


# --- Events sent without a trace id: inferred from the order of the session's runs -----------------------------------


def _sdk(trace_id: str, span_id: str, at: float, **fields: Any) -> Any:
    return make_event(trace_id, span_id, at=at, **{"source": "sdk", "session_id": "s", "lasts": 0.1, **fields})


def _write_session(project: Project) -> None:
    """Store two runs of one session, with calls without a trace id before, within and after them."""
    calls = {"kind": "http", "name": "GET", "parent_span_id": None}
    write(project.pk, _sdk("chat::1::a", "first", 10), _sdk("chat::2::b", "second", 20))
    write(
        project.pk,
        _sdk("unknown-workflow::s", "early", 5, **calls),
        _sdk("unknown-workflow::s", "in-first", 11, **calls),
        _sdk("unknown-workflow::s", "late-first", 19, **calls),
        _sdk("unknown-workflow::s", "in-second", 20, **calls),
        _sdk("unknown-workflow::s", "after", 99, **calls),
        _sdk("unknown-workflow::other", "elsewhere", 12, session_id="other", **calls),
    )


def test_inferred__events_of_the_session__belong_to_its_latest_run(project: Project) -> None:
    _write_session(project)

    assert _spans(project, "chat::1::a") == ["first", "in-first", "late-first"]
    assert _spans(project, "chat::2::b") == ["in-second", "second", "after"]


def test_inferred__marked_with_where_they_are_stored(project: Project) -> None:
    _write_session(project)

    first, second, _ = list_events(project.pk, get_trace(project.pk, "chat::1::a")).items

    assert (first.inferred, first.stored_trace_id) == (False, None)
    assert (second.inferred, second.stored_trace_id) == (True, "unknown-workflow::s")


def test_inferred__their_own_trace__still_shows_all_as_its_own(project: Project) -> None:
    _write_session(project)

    items = list_events(project.pk, get_trace(project.pk, "unknown-workflow::s")).items

    assert [event.span_id for event in items] == ["early", "in-first", "late-first", "in-second", "after"]
    assert not any(event.inferred for event in items)


def test_inferred__pages__merge_in_time(project: Project) -> None:
    _write_session(project)
    write(project.pk, *(_sdk("chat::1::a", f"own{number}", 10 + number) for number in range(9)))

    seen = list(_walk(project, "chat::1::a", 2))

    assert seen == _spans(project, "chat::1::a")
    assert len(seen) == 12


def test_inferred__window__applies_to_them_too(project: Project) -> None:
    _write_session(project)

    assert _spans(project, "chat::1::a", since=at(15)) == ["late-first"]
    assert _spans(project, "chat::1::a", max_depth=0) == ["first"]
    assert _spans(project, "chat::1::a", max_depth=1) == ["first", "in-first", "late-first"]


def test_inferred__since__follows_both_traces(project: Project) -> None:
    _write_session(project)
    token = list_events(project.pk, get_trace(project.pk, "chat::1::a")).since

    write(project.pk, _sdk("unknown-workflow::s", "new", 12, kind="db", parent_span_id=None))

    assert _spans(project, "chat::1::a", changed_since=token) == ["new"]


def test_inferred__later_run_deleted__its_events_do_not_move_to_the_run_before(project: Project) -> None:
    _write_session(project)

    delete_trace(project_id=project.pk, trace_id="chat::2::b")

    assert _spans(project, "chat::1::a") == ["first", "in-first", "late-first"]


def test_inferred__unattributed_trace_deleted__not_shown(project: Project) -> None:
    _write_session(project)

    delete_trace(project_id=project.pk, trace_id="unknown-workflow::s")

    assert _spans(project, "chat::1::a") == ["first"]
