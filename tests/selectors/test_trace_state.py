from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from observability.ingest.records import Usage
from observability.models import Project
from observability.selectors.sessions import get_session_neighbours
from observability.selectors.trace_state import TraceState, find_events_with_text, get_trace_state
from observability.selectors.traces import get_trace
from tests.records import at, make_event, write

pytestmark = pytest.mark.usefixtures("store")


def _ask(text: str) -> bytes:
    return json.dumps(
        {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]}
    ).encode()


def _write_run(project: Project) -> None:
    write(
        project.pk,
        make_event("t", "root", lasts=20),
        make_event("t", "agent", kind="agent", parent_span_id="root", lasts=19, usage=Usage(input=999, total=999)),
        make_event(
            "t",
            "first",
            kind="ai",
            parent_span_id="agent",
            at=1,
            lasts=2,
            usage=Usage(input=100, cached_input=40, output=10, total=150),
            cost_micros=700,
            input=_ask("Where is it?"),
            output=b'"On its way."',
        ),
        make_event("t", "tool", parent_span_id="agent", at=4, lasts=1, status="error", error_message="no Such order"),
        make_event(
            "t",
            "second",
            kind="ai",
            parent_span_id="agent",
            at=6,
            lasts=4,
            usage=Usage(input=200, output=20, total=220),
            input=_ask("And now?"),
            output=b'"Here."',
        ),
    )


def _state(project: Project, seconds: float) -> TraceState:
    return get_trace_state(project.pk, get_trace(project.pk, "t"), at=at(seconds))


def test_state__before_a_call_has_ended__counts_none_of_its_tokens(project: Project) -> None:
    _write_run(project)

    state = _state(project, 2.999)

    assert (state.started_count, state.open_count, state.error_count, state.call_count) == (3, 3, 0, 1)
    assert (state.total_tokens, state.cost_micros, state.unpriced_count) == (0, None, 0)
    assert state.message_count == 2
    assert state.last_message is not None
    assert (state.last_message.span_id, state.last_message.role) == ("first", "user")


def test_state__when_it_has_ended__has_its_tokens_cost_and_answer(project: Project) -> None:
    _write_run(project)

    state = _state(project, 3)

    assert (state.input_tokens, state.output_tokens, state.total_tokens) == (140, 10, 150)
    assert state.tokens["cached_input_tokens"] == 40
    assert (state.cost_micros, state.cost_usd) == (700, "0.000700")
    assert (state.message_count, state.open_count) == (3, 2)
    assert state.last_message is not None
    assert state.last_message.preview == "On its way."


def test_state__error_then_a_call_without_a_price__both_counted_once_they_end(project: Project) -> None:
    _write_run(project)

    failed, late = _state(project, 5), _state(project, 10)

    assert (failed.error_count, failed.unpriced_count) == (1, 0)
    assert (late.total_tokens, late.cost_micros, late.unpriced_count) == (370, 700, 1)
    assert late.last_message is not None
    assert late.last_message.preview == "Here."


def test_state__at_the_end__is_what_the_trace_says(project: Project) -> None:
    _write_run(project)
    trace = get_trace(project.pk, "t")

    state = _state(project, 20)

    assert (state.input_tokens, state.output_tokens) == (trace.input_tokens, trace.output_tokens)
    assert (state.total_tokens, state.cost_micros) == (trace.total_tokens, trace.cost_micros)
    assert (state.started_count, state.open_count, state.error_count) == (trace.event_count, 0, trace.error_count)


def test_state__before_anything__is_empty(project: Project) -> None:
    _write_run(project)

    state = _state(project, -1)

    assert (state.started_count, state.total_tokens, state.message_count, state.last_message) == (0, 0, None, None)


def test_state__inferred_events__are_counted(project: Project) -> None:
    write(
        project.pk,
        make_event("t", "root", lasts=10, source="sdk", session_id="s-1"),
        make_event("unknown-workflow::s-1", "query", kind="db", at=2, source="sdk", session_id="s-1", status="error"),
    )

    assert _state(project, 5).error_count == 1


def test_state__many_events__takes_no_more_queries(project: Project) -> None:
    _write_run(project)
    trace = get_trace(project.pk, "t")
    with CaptureQueriesContext(connection) as few:
        get_trace_state(project.pk, trace, at=at(10))
    write(project.pk, *(make_event("t", f"more{n}", parent_span_id="root", at=11) for n in range(30)))

    with CaptureQueriesContext(connection) as many:
        get_trace_state(project.pk, get_trace(project.pk, "t"), at=at(15))

    # One more reads the trace.
    assert len(many) == len(few) + 1


def test_find__text__is_found_in_any_case_and_never_a_pattern(project: Project) -> None:
    _write_run(project)
    trace = get_trace(project.pk, "t")

    assert find_events_with_text(project.pk, trace, "NO SUCH").span_ids == ["tool"]
    assert find_events_with_text(project.pk, trace, "on its way").span_ids == ["first"]
    assert find_events_with_text(project.pk, trace, "no%order").span_ids == []


def test_neighbours__of_a_session__skip_deleted_and_foreign(project: Project) -> None:
    for number, session in enumerate(("a", "a", "b", "a")):
        write(project.pk, make_event(f"t{number}", at=number, session_id=session))

    near = get_session_neighbours(project.pk, get_trace(project.pk, "t1"))
    alone = get_session_neighbours(project.pk, get_trace(project.pk, "t2"))

    assert (near.before, near.after) == ("t0", "t3")
    assert (alone.before, alone.after) == (None, None)
