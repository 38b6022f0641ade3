"""Whole batches of the SDK: recorded bodies, bodies that are none, and bad events among good ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from observability.ingest.records import Kind, Status
from observability.ingest.sdk import decode_events
from observability.ingest.sdk.batch import EVENTS_LIMIT, VALUES_LIMIT
from tests.ingest.sdk.batches import TIMESTAMP_MS, TRACE_ID, by_id, make_body, make_event, read_recorded

CLIENT_OF = {"own_hosts": frozenset({"127.0.0.1:4801"})}
RUN = "chatHandler::1795219607030::f2d68fba"
# What the client makes events of, and what it never would.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
FIELDS = ["id", "type", "name", "input", "output", "timestamp", "durationMs", "usage", "traceId", "streamRaw", "odd"]
EVENTS = st.dictionaries(st.sampled_from(FIELDS), VALUES | st.just(TIMESTAMP_MS), max_size=len(FIELDS))


def test_decode_events__recorded_run__events_of_run_and_of_session() -> None:
    batch = decode_events(read_recorded("python_run"), **CLIENT_OF)

    assert batch.session_id == "support-desk-1"
    assert batch.metadata == b'{"branch":"main"}'
    assert batch.decoded.rejected == ()
    traces = {(event.kind, event.trace_id) for event in batch.decoded.events}
    assert traces == {
        (Kind.WORKFLOW, RUN),
        (Kind.TOOL, RUN),
        (Kind.AI, RUN),
        (Kind.HTTP, "unknown-workflow::support-desk-1"),
    }


def test_decode_events__recorded_run__children_name_the_workflow_event() -> None:
    events = by_id(decode_events(read_recorded("python_run")))

    root = events[1]
    assert (root.kind, root.parent_span_id, root.status) == (Kind.WORKFLOW, "", Status.UNSET)
    assert {event.parent_span_id for event in events.values() if event.trace_id == RUN} == {"", root.span_id}
    assert len({event.span_id for event in events.values()}) == 14


def test_decode_events__recorded_model_call__starts_where_its_http_call_does() -> None:
    events = by_id(decode_events(read_recorded("python_run")))

    call, carrier = events[7], events[6]
    assert (call.kind, call.model, call.provider) == (Kind.AI, "gpt-4o", "openai")
    assert (call.started_at_us, call.ended_at_us) == (carrier.started_at_us, carrier.ended_at_us)


def test_decode_events__recorded_values__exact_as_sent() -> None:
    events = by_id(decode_events(read_recorded("python_run")))

    assert events[2].output == b'{"order":7,"total":12345678901234567890,"rate":1.1}'
    assert events[7].input is not None and "Où est ma commande? 😀".encode() in events[7].input


def test_decode_events__heartbeat__session_fact_and_no_event() -> None:
    batch = decode_events(read_recorded("python_heartbeat"))

    assert batch.decoded.events == ()
    assert (batch.heartbeat_at_us, batch.ended_at_us, batch.control_count) == (1795219608436000, None, 1)


def test_decode_events__session_end__closes_session() -> None:
    batch = decode_events(read_recorded("python_session_end"))

    assert (batch.heartbeat_at_us, batch.ended_at_us, batch.control_count) == (1795219609139000, 1795219609189000, 2)


def test_decode_events__own_traffic__rejected_by_its_own_code() -> None:
    batch = decode_events(read_recorded("python_tail"), **CLIENT_OF)

    assert [(item.index, item.code) for item in batch.decoded.rejected] == [(0, "own_traffic")]
    assert batch.decoded.event_indexes == (1, 2)


def test_decode_events__own_path_of_another_host__stored() -> None:
    batch = decode_events(read_recorded("python_tail"), own_hosts=frozenset({"playhead.example"}))

    assert batch.decoded.rejected == ()
    assert len(batch.decoded.events) == 3


def test_decode_events__javascript_batch__all_types() -> None:
    events = decode_events(read_recorded("javascript")).decoded.events

    assert [event.kind for event in events] == [
        Kind.WORKFLOW,
        Kind.AI,
        Kind.AI,
        Kind.TOOL,
        Kind.HTTP,
        Kind.HTTP,
        Kind.DB,
        Kind.SIDE_EFFECT,
        Kind.SPAN,
    ]
    assert [event.status for event in events] == ["unset", "ok", "ok", "error", "error", "ok", "error", "ok", "ok"]


def test_decode_events__metadata__shared_by_all_events() -> None:
    batch = decode_events(read_recorded("javascript"))

    resources = {id(event.resource) for event in batch.decoded.events}
    assert len(resources) == 1
    resource = batch.decoded.events[0].resource
    assert resource is not None
    assert resource.attributes == b'{"metadata":{"branch":"main","commit":"c0ffee","prNumber":12}}'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "body: expected an object"),
        (b"hello", "body: expected an object"),
        (b"[]", "body: expected an object with sessionId and events"),
        (b"null", "body: expected an object with sessionId and events"),
        (b'{"sessionId":"s1"}', "body: events: missing"),
        (b'{"sessionId":"s1","events":null}', "body: events: missing"),
        (b'{"sessionId":"s1","events":{}}', "body: events: expected a list"),
        (b'{"sessionId":"s1","events":[{"type":"tool"}', "body: brackets or quotes do not balance"),
        (b'{"sessionId":"s1","events":[]} {}', "body: brackets or quotes do not balance"),
        (b'{"sessionId":"s1","events":[]', "body: brackets or quotes do not balance"),
    ],
)
def test_decode_events__no_batch__one_rejection_that_says_why(body: bytes, reason: str) -> None:
    batch = decode_events(body)

    assert batch.decoded.events == ()
    assert [(item.index, item.reason) for item in batch.decoded.rejected] == [(0, reason)]


def test_decode_events__byte_order_mark__read() -> None:
    batch = decode_events(b"\xef\xbb\xbf" + make_body(make_event()))

    assert len(batch.decoded.events) == 1


def test_decode_events__invalid_utf8__replaced_where_it_stands() -> None:
    body = make_body(make_event(input="caf?"), make_event(id=2)).replace(b"caf?", b"caf\xe9")

    events = decode_events(body).decoded.events

    assert [event.input for event in events] == ['"caf\N{REPLACEMENT CHARACTER}"'.encode(), b"7"]


@pytest.mark.parametrize(
    ("bad", "stored"),
    [
        (b'"half \\ud83d"', '"half \N{REPLACEMENT CHARACTER}"'.encode()),
        (b'{"rate":NaN,"most":Infinity}', b'{"rate":"NaN","most":"Infinity"}'),
    ],
)
def test_decode_events__value_strict_json_refuses__mended_and_its_neighbours_exact(bad: bytes, stored: bytes) -> None:
    body = make_body(make_event(input="BAD"), make_event(id=2, output={"rate": 1.10})).replace(b'"BAD"', bad)

    batch = decode_events(body)

    assert batch.decoded.rejected == ()
    assert [event.input for event in batch.decoded.events] == [stored, b"7"]


def test_decode_events__endless_nesting__costs_only_its_event() -> None:
    body = make_body(make_event(), make_event(id=2, output="BAD"), make_event(id=3))
    body = body.replace(b'"BAD"', b"[" * 100_000 + b"]" * 100_000)

    batch = decode_events(body)

    assert batch.decoded.event_indexes == (0, 2)
    assert [(item.index, item.reason) for item in batch.decoded.rejected] == [
        (1, "output: is not JSON that can be read")
    ]


def test_decode_events__nesting_a_decoder_stands__refused_like_any_too_deep() -> None:
    body = make_body(make_event(output="BAD")).replace(b'"BAD"', b"[" * 300 + b"]" * 300)

    batch = decode_events(body)

    assert batch.decoded.rejected[0].reason == "output: objects and lists are nested more than 200 deep"


def test_decode_events__brackets_in_text__no_nesting() -> None:
    batch = decode_events(make_body(make_event(output={"code": "[{" * 1000})))

    assert batch.decoded.rejected == ()


def test_decode_events__broken_event_among_good_ones__they_are_stored() -> None:
    body = make_body(make_event(), "BAD", make_event(id=3)).replace(b'"BAD"', b'{"type":tool,"name":"a"}')

    batch = decode_events(body)

    assert batch.decoded.event_indexes == (0, 2)
    assert [(item.index, item.reason) for item in batch.decoded.rejected] == [(1, "type: is not JSON that can be read")]


@pytest.mark.parametrize("item", [None, 1, "text", [], True])
def test_decode_events__item_that_is_no_object__rejected_alone(item: object) -> None:
    batch = decode_events(make_body(item, make_event()))

    assert batch.decoded.event_indexes == (1,)
    assert [(r.index, r.reason) for r in batch.decoded.rejected] == [(0, "event: expected an object")]


def test_decode_events__no_session__events_with_a_trace_are_stored() -> None:
    body = make_body(make_event(), make_event(traceId=None), sessionId=None)

    batch = decode_events(body)

    assert batch.session_id is None
    assert [event.session_id for event in batch.decoded.events] == [None]
    assert [item.index for item in batch.decoded.rejected] == [1]
    assert batch.decoded.rejected[0].reason.startswith("traceId: missing")


@pytest.mark.parametrize("session", [7, {}, "x" * 201])
def test_decode_events__unusable_session__every_event_says_so(session: object) -> None:
    batch = decode_events(make_body(make_event(), make_event(id=2), sessionId=session))

    assert batch.decoded.events == ()
    assert [item.index for item in batch.decoded.rejected] == [0, 1]
    assert all(item.reason.startswith("sessionId: ") for item in batch.decoded.rejected)


@pytest.mark.parametrize("metadata", [7, "main", [], None])
def test_decode_events__metadata_that_is_no_object__as_good_as_none(metadata: object) -> None:
    batch = decode_events(make_body(make_event(), metadata=metadata))

    assert batch.metadata is None
    assert batch.decoded.events[0].resource is None


def test_decode_events__more_events_than_taken__refused_whole() -> None:
    batch = decode_events(make_body(*([1] * (EVENTS_LIMIT + 1))))

    assert [(item.index, item.code) for item in batch.decoded.rejected] == [(0, "too_large")]


def test_decode_events__more_values_than_taken__refused_before_decoding() -> None:
    body = make_body(make_event(input="BAD")).replace(b'"BAD"', b"[" + b"1," * VALUES_LIMIT + b"1]")

    batch = decode_events(body)

    assert [(item.index, item.code) for item in batch.decoded.rejected] == [(0, "too_large")]


def test_decode_events__long_text_full_of_commas__no_values() -> None:
    batch = decode_events(make_body(make_event(input={"csv": "1,2;" * VALUES_LIMIT})))

    assert batch.decoded.rejected == ()


@given(body=st.binary(max_size=200))
@example(b'{"sessionId":"\\ud800","events":[{"type":"\\ud800"}]}')
@example(b'{"sessionId":"s","events":[{"type":"ai","timestamp":1e400}]}')
@example(b'{"sessionId":"s","events":[,]}')
def test_decode_events__any_bytes__never_raises(body: bytes) -> None:
    batch = decode_events(body)

    assert len(batch.decoded.events) == len(batch.decoded.event_indexes)


@given(events=st.lists(EVENTS | VALUES, max_size=6), session=st.none() | st.text() | VALUES, metadata=VALUES)
def test_decode_events__any_json__every_event_is_accounted_for(
    events: list[Any], session: object, metadata: object
) -> None:
    body = json.dumps({"sessionId": session, "events": events, "metadata": metadata}).encode()

    batch = decode_events(body)

    stored, rejected = set(batch.decoded.event_indexes), {item.index for item in batch.decoded.rejected}
    assert stored.isdisjoint(rejected)
    assert len(stored) + len(rejected) + batch.control_count == len(events)
    for record in batch.decoded.events:
        for value in (record.input, record.output, record.attributes, record.extra):
            assert value is None or json.loads(value) is not None
        assert "\0" not in record.trace_id + record.name
        assert record.ended_at_us is not None and record.ended_at_us >= record.started_at_us
    assert "event: cannot be read by this server" not in {item.reason for item in batch.decoded.rejected}


@given(events=st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_decode_events__same_event_again__same_identity(events: list[int]) -> None:
    first = decode_events(make_body(*(make_event(id=number) for number in events)))
    again = decode_events(make_body(*(make_event(id=number) for number in reversed(events))))

    assert {event.span_id for event in first.decoded.events} == {event.span_id for event in again.decoded.events}
    assert len({event.span_id for event in first.decoded.events}) == len(set(events))
    assert first.decoded.events[0].trace_id == TRACE_ID


def test_decode_events__heartbeats__the_latest_counts() -> None:
    beats = [make_event(id=0, type="workflow", name="__heartbeat__", timestamp=TIMESTAMP_MS + n) for n in (2, 9, 5)]

    batch = decode_events(make_body(*beats))

    assert (batch.heartbeat_at_us, batch.control_count) == ((TIMESTAMP_MS + 9) * 1000, 3)
