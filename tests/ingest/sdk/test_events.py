"""One SDK event to one record: times, status, identity, and what has no column."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from observability.ingest.records import Kind, Status
from observability.ingest.sdk import decode_events
from observability.ingest.sdk.identity import make_workflow_span_id
from tests.ingest.sdk.batches import TIMESTAMP_MS, TRACE_ID, decode_one, make_body, make_event, reject_one

START_US = TIMESTAMP_MS * 1000
LLM_REQUEST = {"messages": [], "model": "gpt-4o", "llmRequest": {"model": "gpt-4o"}}


@pytest.mark.parametrize("type_name", ["tool", "http", "db", "side_effect", "workflow", "retrieval"])
def test_map_event__any_type__timestamp_is_the_start(type_name: str) -> None:
    event = decode_one(type=type_name, durationMs=40)

    assert (event.started_at_us, event.ended_at_us) == (START_US, START_US + 40_000)


@pytest.mark.parametrize(
    ("fields", "is_end"),
    [
        ({"input": LLM_REQUEST}, True),
        ({"input": None}, True),
        ({"input": None, "traceId": None}, False),
        ({"input": {"url": "https://api.openai.com/v1", "model": "gpt-4o"}}, False),
        ({"input": [{"role": "user", "content": "hi"}], "traceId": None}, False),
    ],
)
def test_map_event__model_call__ends_at_the_timestamp_of_the_interceptor(fields: dict[str, Any], is_end: bool) -> None:
    event = decode_one(type="ai", durationMs=40, **fields)

    assert (event.started_at_us, event.ended_at_us) == (
        (START_US - 40_000, START_US) if is_end else (START_US, START_US + 40_000)
    )


def test_map_event__fraction_of_a_millisecond__kept() -> None:
    event = decode_one(timestamp=TIMESTAMP_MS + 0.5, durationMs=0.25)

    assert (event.started_at_us, event.ended_at_us) == (START_US + 500, START_US + 750)


def test_map_event__no_duration__ends_where_it_starts() -> None:
    assert decode_one(durationMs=None).ended_at_us == START_US


def test_map_event__duration_below_zero__none_and_kept_as_sent() -> None:
    event = decode_one(durationMs=-5)

    assert event.ended_at_us == START_US
    assert event.extra == b'{"duration_ms":-5}'


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": None}, "type: missing"),
        ({"type": 7}, "type: expected text, got a number"),
        ({"type": "x" * 401}, "type: 401 characters long, at most 400 are kept"),
        ({"name": ["a"]}, "name: expected text, got a list"),
        ({"timestamp": None}, "timestamp: missing"),
        ({"timestamp": "2026-11-20T10:00:00Z"}, 'timestamp: expected a number, got "2026-11-20T10:00:00Z"'),
        ({"timestamp": True}, "timestamp: expected a number, got true"),
        ({"timestamp": 0}, "timestamp: expected milliseconds since 1970, got 0"),
        ({"timestamp": START_US * 1000}, f"timestamp: expected milliseconds since 1970, got {START_US * 1000}"),
        ({"durationMs": 1e300}, "durationMs: 1e+300 is longer than any step takes"),
        ({"durationMs": {}}, "durationMs: expected a number, got {}"),
        ({"id": -1}, "id: expected a whole number from 1, got -1"),
        ({"id": 1.5}, "id: expected a whole number from 1, got 1.5"),
        ({"id": 2**63}, f"id: expected a whole number from 1, got {2**63}"),
        ({"traceId": 7}, "traceId: expected text, got a number"),
        ({"traceId": "x" * 256}, "traceId: 256 characters long, at most 255 are kept"),
    ],
)
def test_map_event__bad_field__rejected_by_name(fields: dict[str, Any], reason: str) -> None:
    assert reject_one(**fields) == reason


def test_map_event__unknown_type__span_with_its_type_kept() -> None:
    event = decode_one(type="retrieval")

    assert event.kind == Kind.SPAN
    assert event.extra == b'{"sdk_type":"retrieval"}'


def test_map_event__no_name__its_type() -> None:
    assert decode_one(name=None, type="db").name == "db"


def test_map_event__long_name__shortened_and_kept_whole() -> None:
    name = "https://example.com/" + "a" * 1000

    event = decode_one(type="http", name=name)

    assert len(event.name) == 400
    assert msgspec.json.decode(event.extra or b"") == {"name": name}


def test_map_event__nul_in_text__replaced() -> None:
    event = decode_one(name="a\0b", traceId="chat\0::1::a")

    assert event.name == "a\N{REPLACEMENT CHARACTER}b"
    assert "\0" not in event.trace_id + (event.workflow_name or "")


def test_map_event__fields_without_a_column__kept_exactly() -> None:
    event = decode_one(
        streamed=True,
        streamRaw="data: 1\n\n",
        agentTaskId="t",
        agentTaskIndex=0,
        schemaVersion=2,
        score=0.5,
        tags=["a"],
    )

    assert msgspec.json.decode(event.extra or b"") == {
        "streamed": True,
        "stream_raw": "data: 1\n\n",
        "agent_task_id": "t",
        "agent_task_index": 0,
        "schema_version": 2,
    }
    assert event.attributes == b'{"score":0.5,"tags":["a"]}'


def test_map_event__null_values__absent() -> None:
    body = make_body({**make_event(), "input": None, "output": None, "usage": None, "streamed": None})

    event = decode_events(body).decoded.events[0]

    assert (event.input, event.output, event.usage, event.extra) == (None, None, None, None)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"output": {"error": "boom"}}, Status.ERROR),
        ({"output": {"rows": 1}}, Status.OK),
        ({"output": None}, Status.OK),
        ({"type": "ai", "output": None}, Status.UNSET),
        ({"type": "workflow", "output": None}, Status.UNSET),
        ({"type": "workflow", "output": "done"}, Status.OK),
        ({"type": "workflow", "output": {"error": "boom"}}, Status.ERROR),
        ({"type": "side_effect", "output": {"error": "boom"}}, Status.OK),
        ({"type": "ai", "output": {"error": {"message": "overloaded"}}}, Status.ERROR),
    ],
)
def test_map_event__output__status(fields: dict[str, Any], status: Status) -> None:
    assert decode_one(**fields).status == status


# -- identity ----------------------------------------------------------------------------------------------------------


def test_map_event__no_trace_id__root_of_its_session() -> None:
    event = decode_one(traceId=None)

    assert event.trace_id == "unknown-workflow::s1"
    assert (event.workflow_name, event.parent_span_id) == ("unknown-workflow", "")


def test_map_event__empty_trace_id__as_none() -> None:
    assert decode_one(traceId="").trace_id == "unknown-workflow::s1"


def test_map_event__trace_id_made_elsewhere__unattributed_without_a_parent() -> None:
    event = decode_one(traceId="0b1c2d3e")

    assert (event.trace_id, event.workflow_name, event.parent_span_id) == ("0b1c2d3e", "unknown-workflow", None)


def test_map_event__workflow_event__span_id_of_its_trace() -> None:
    event = decode_one(type="workflow", name="chatHandler")

    assert event.span_id == make_workflow_span_id(TRACE_ID)
    assert event.parent_span_id == ""


def test_map_event__workflow_event_of_another_name__a_step_inside() -> None:
    event = decode_one(type="workflow", name="refundFlow")

    assert event.span_id != make_workflow_span_id(TRACE_ID)
    assert event.parent_span_id == make_workflow_span_id(TRACE_ID)


@pytest.mark.parametrize("change", [{"id": 2}, {"type": "db"}, {"timestamp": TIMESTAMP_MS + 1}])
def test_map_event__part_of_the_key_differs__another_event(change: dict[str, Any]) -> None:
    assert decode_one(**change).span_id != decode_one().span_id


@pytest.mark.parametrize("change", [{"output": "later"}, {"name": "renamed"}, {"durationMs": 99}, {"id": 1.0}])
def test_map_event__content_differs__same_event(change: dict[str, Any]) -> None:
    assert decode_one(**change).span_id == decode_one().span_id


def test_map_event__other_session__another_event() -> None:
    one, other = (
        decode_events(make_body(make_event(), sessionId=session)).decoded.events[0] for session in ("s1", "s2")
    )

    assert one.span_id != other.span_id


@pytest.mark.parametrize("event_id", [None, 0])
def test_map_event__no_counter__same_only_with_the_same_content(event_id: int | None) -> None:
    one, again, other = (decode_one(id=event_id, output=output) for output in ("a", "a", "b"))

    assert one.sdk_event_id is None
    assert one.span_id == again.span_id != other.span_id


def test_map_event__run_id_of_the_batch_or_its_own__is_a_rerun_s() -> None:
    batch = decode_events(
        make_body(make_event(id=1), make_event(id=2, runId="run-2"), make_event(id=3, runId=""), runId="run-1")
    )

    assert [event.run_id for event in batch.decoded.events] == ["run-1", "run-2", None]
    assert all(event.attributes is None for event in batch.decoded.events)


def test_map_event__of_a_rerun_without_a_trace_id__is_none_of_the_session_s_own() -> None:
    batch = decode_events(make_body(make_event(traceId=None, runId="run-1"), make_event(id=2, traceId=None)))

    assert [event.trace_id for event in batch.decoded.events] == ["unknown-workflow::run-run-1", "unknown-workflow::s1"]


def test_map_event__run_id_that_is_no_text__names_the_field() -> None:
    assert reject_one(runId=7) == "runId: expected text, got a number"
