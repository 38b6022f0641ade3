"""The part of a span's meaning that all dialects share."""

from __future__ import annotations

import json

import pytest

from observability.ingest.otlp import spans
from observability.ingest.text import NAME_LIMIT
from tests.ingest.otlp.recorded import START_NS, TRACE_ID, decode_span, decode_spans, make_attributes, make_span

EXCEPTION = {
    "name": "exception",
    "timeUnixNano": str(START_NS + 500_000_000),
    "attributes": make_attributes(
        {
            "exception.type": "ValueError",
            "exception.message": "no such city",
            "exception.stacktrace": "Traceback ...",
        }
    ),
}


def test_times__nanoseconds__become_microseconds() -> None:
    event = decode_span(startTimeUnixNano=START_NS + 1_999, endTimeUnixNano=START_NS + 5_001)

    assert (event.started_at_us, event.ended_at_us) == (START_NS // 1000 + 1, START_NS // 1000 + 5)


@pytest.mark.parametrize("end", [None, 0, "0", ""])
def test_times__no_end__running(end: object) -> None:
    event = decode_span(endTimeUnixNano=end, status={"code": 1})

    assert (event.status, event.ended_at_us) == ("running", None)


def test_times__end_before_start__kept_without_duration_and_said_so() -> None:
    event = decode_span(endTimeUnixNano=str(START_NS - 7_000))

    assert event.ended_at_us == event.started_at_us
    assert event.extra == b'{"ended_before_start_us":7}'


@pytest.mark.parametrize(("code", "status"), [(None, "unset"), (0, "unset"), (1, "ok"), (2, "error")])
def test_status__each_code__its_status(code: int | None, status: str) -> None:
    assert decode_span(status={"code": code}).status == status


def test_error__exception_on_failed_span__fills_the_error_fields() -> None:
    event = decode_span(status={"code": 2, "message": "failed"}, events=[EXCEPTION])

    assert (event.error_type, event.error_message) == ("ValueError", "no such city")
    assert event.error_stack == "Traceback ..."


def test_error__status_message_only__is_the_error_message() -> None:
    event = decode_span({"error.type": "timeout"}, status={"code": 2, "message": "too slow"})

    assert (event.error_type, event.error_message, event.error_stack) == ("timeout", "too slow", None)


def test_error__exception_on_span_without_verdict__fills_the_fields_but_is_no_error() -> None:
    event = decode_span(events=[EXCEPTION])

    assert (event.status, event.error_type) == ("unset", "ValueError")


def test_error__exception_handled_and_span_ok__no_error_fields() -> None:
    event = decode_span(status={"code": 1}, events=[EXCEPTION])

    assert (event.error_type, event.error_message, event.error_stack) == (None, None, None)


def test_error__very_long_message__clipped_in_the_field_and_whole_in_extra() -> None:
    event = decode_span(status={"code": 2, "message": "x" * 20_000})

    assert event.error_message is not None
    assert len(event.error_message) == 8_000
    assert event.extra is not None
    assert json.loads(event.extra)["error_message"] == "x" * 20_000


def test_points__span_events__become_log_records_in_order() -> None:
    note = {"name": "retry", "attributes": make_attributes({"attempt": 2})}

    logs = decode_spans(make_span(events=[note, EXCEPTION])).logs

    assert [(log.type, log.message, log.level, log.sequence) for log in logs] == [
        ("retry", "retry", "info", 0),
        ("exception", "ValueError: no such city", "error", 1),
    ]
    assert [log.logged_at_us * 1000 - START_NS for log in logs] == [0, 500_000_000]
    assert {(log.stream, log.trace_id) for log in logs} == {("event", TRACE_ID)}
    assert logs[0].fields == b'{"attempt":2}'


def test_name__longer_than_a_column__clipped_there_and_whole_in_extra() -> None:
    event = decode_span(name="n" * (NAME_LIMIT + 1))

    assert len(event.name) == NAME_LIMIT
    assert event.extra is not None
    assert json.loads(event.extra)["name"] == "n" * (NAME_LIMIT + 1)


@pytest.mark.parametrize("name", ["", None])
def test_name__missing__says_so(name: str | None) -> None:
    assert decode_span(name=name).name == "(unnamed)"


@pytest.mark.parametrize(
    ("attributes", "field", "value"),
    [
        ({"workflow.name": "a", "gen_ai.workflow.name": "b"}, "workflow_name", "a"),
        ({"gen_ai.workflow.name": "b", "traceloop.workflow.name": "c"}, "workflow_name", "b"),
        ({"traceloop.workflow.name": "c", "langfuse.trace.name": "d"}, "workflow_name", "c"),
        ({"langfuse.trace.name": "d"}, "workflow_name", "d"),
        ({"workflow.name": "", "langfuse.trace.name": "d"}, "workflow_name", "d"),
        ({}, "workflow_name", None),
        ({"session.id": "s"}, "session_id", "s"),
        ({"gen_ai.conversation.id": "s"}, "session_id", "s"),
        ({"langfuse.session.id": "s"}, "session_id", "s"),
        ({"user.id": 42}, "user_id", "42"),
        ({"enduser.id": "u"}, "user_id", "u"),
        ({"tag.tags": ["a", "b", "a"]}, "tags", ("a", "b")),
        ({"langfuse.trace.tags": ["x"]}, "tags", ("x",)),
        ({"tags": '["x", "y"]'}, "tags", ("x", "y")),
        ({"tags": "x, y"}, "tags", ("x", "y")),
        ({"gen_ai.agent.name": "helper", "db.system": "redis"}, "agent_name", "helper"),
        ({"correlation.id": "c-1"}, "correlation_id", "c-1"),
        ({"deployment.environment": "canary"}, "environment", "canary"),
        ({"playhead.run.id": "r-1"}, "run_id", "r-1"),
        ({"elasticdash.run.id": "r-1"}, "run_id", "r-1"),
    ],
)
def test_common__attribute__fills_its_field(attributes: dict[str, object], field: str, value: object) -> None:
    assert getattr(decode_span(attributes), field) == value


@pytest.mark.parametrize("key", ["deployment.environment", "deployment.environment.name"])
def test_resource__service_and_environment__fill_the_event_fields(key: str) -> None:
    resource: dict[str, object] = {"service.name": "shop", "service.version": "1.2", key: "prod"}

    event = decode_spans(make_span(), resource=resource).events[0]

    assert (event.service_name, event.service_version, event.environment) == ("shop", "1.2", "prod")


def test_resource__run_id__makes_every_span_a_rerun_s() -> None:
    spans = (make_span(), make_span({"playhead.run.id": "own"}))

    events = decode_spans(*spans, resource={"playhead.run.id": "r-1"}).events

    assert [event.run_id for event in events] == ["r-1", "own"]


def test_extra__links_dropped_counts_and_trace_state__are_kept() -> None:
    link = {"traceId": "1" * 32, "spanId": "2" * 16, "attributes": make_attributes({"why": "retry"})}

    event = decode_span(links=[link], traceState="vendor=1", droppedAttributesCount=3, kind=3)

    assert event.extra is not None
    assert json.loads(event.extra) == {
        "span_kind": "client",
        "trace_state": "vendor=1",
        "links": [{"trace_id": "1" * 32, "span_id": "2" * 16, "attributes": {"why": "retry"}}],
        "dropped": {"attributes": 3},
    }


def test_dialect__fails_on_a_span__span_is_kept_as_a_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_span: object) -> None:
        raise RuntimeError("a span nobody thought of")

    monkeypatch.setattr(spans, "read_span", fail)

    event = decode_span({"openinference.span.kind": "LLM"})

    assert (event.kind, event.dialect) == ("span", None)
    assert event.attributes == b'{"openinference.span.kind":"LLM"}'
