"""Whatever arrives: `MalformedBodyError` or `Decoded`, never anything else, and always something the store can hold."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observability.ingest.otlp import MalformedBodyError, decode_logs, decode_traces
from observability.ingest.otlp.messages import read_messages
from observability.ingest.otlp.moved import restore_attributes
from observability.ingest.otlp.wire import NANOS_PER_MICRO, NANOSECOND_CEILING
from observability.ingest.records import Decoded, EventRecord
from observability.ingest.text import MESSAGE_LIMIT, NAME_LIMIT, decode_json
from tests.ingest.otlp.recorded import JSON, PROTOBUF, TRACES, load_json, load_protobuf, make_request, make_span

RECORDED = {name: load_protobuf(name) for name in TRACES}
RECORDED_JSON = {name: load_json(name) for name in ("gen_ai", "langfuse", "openllmetry_flattened")}
KEYS = sorted(
    {
        pair["key"]
        for name in TRACES
        for resource in json.loads(load_json(name))["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
        for pair in span.get("attributes", [])
    }
)

json_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
json_values = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
attribute_values = st.recursive(
    st.text(max_size=100) | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
) | json_values.map(json.dumps)


def _check(decoded: Decoded) -> None:
    for event in decoded.events:
        _check_texts(event)
        for content in (event.input, event.output, event.attributes, event.extra):
            assert content is None or decode_json(content) is not NotImplemented
        restore_attributes(event.attributes, given=event.input, produced=event.output)
        read_messages(event.dialect, attributes=event.attributes, given=event.input, produced=event.output)
    for log in decoded.logs:
        assert "\0" not in log.message
        assert len(log.message) <= MESSAGE_LIMIT
        assert log.fields is None or isinstance(decode_json(log.fields), dict)
    assert len(decoded.events) == len(decoded.event_indexes)
    msgspec.json.encode([rejected.reason for rejected in decoded.rejected])


def _check_texts(event: EventRecord) -> None:
    texts = [value for value in msgspec.structs.astuple(event) if isinstance(value, str)]
    assert not any("\0" in text for text in texts)
    assert all(text.encode() is not None for text in texts)
    assert len(event.name) <= NAME_LIMIT
    assert 0 <= event.started_at_us <= NANOSECOND_CEILING // NANOS_PER_MICRO
    assert event.ended_at_us is None or event.ended_at_us >= event.started_at_us


def _decode(body: bytes, content_type: str) -> None:
    for decode in (decode_traces, decode_logs):
        try:
            decoded = decode(body, content_type)
        except MalformedBodyError:
            continue
        _check(decoded)


@given(st.binary(max_size=400))
def test_protobuf__arbitrary_bytes__decoded_or_malformed(body: bytes) -> None:
    _decode(body, PROTOBUF)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
def test_json__arbitrary_bytes__decoded_or_malformed(body: bytes) -> None:
    _decode(body, JSON)


@settings(max_examples=60)
@given(st.sampled_from(TRACES), st.data())
def test_protobuf__recorded_with_changed_bytes__decoded_or_malformed(name: str, data: st.DataObject) -> None:
    body = bytearray(RECORDED[name])
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    _decode(bytes(body), PROTOBUF)


@settings(max_examples=60)
@given(st.sampled_from(TRACES), st.data())
def test_protobuf__recorded_and_cut_short__decoded_or_malformed(name: str, data: st.DataObject) -> None:
    body = RECORDED[name]

    _decode(body[: data.draw(st.integers(0, len(body)))], PROTOBUF)


@settings(max_examples=40)
@given(st.sampled_from(sorted(RECORDED_JSON)), st.data())
def test_json__recorded_with_changed_bytes__decoded_or_malformed(name: str, data: st.DataObject) -> None:
    body = bytearray(RECORDED_JSON[name])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    _decode(bytes(body), JSON)


@given(
    st.dictionaries(
        st.sampled_from(["resourceSpans", "resourceLogs", "scopeSpans", "spans", "x"]),
        json_values,
        max_size=3,
    )
)
def test_json__any_value_where_a_request_should_be__decoded_or_malformed(body: dict[str, object]) -> None:
    _decode(json.dumps(body).encode(), JSON)


@given(
    st.dictionaries(
        st.sampled_from(
            ["traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "status",
             "attributes", "events", "links", "traceState", "droppedAttributesCount"]
        ),
        json_values,
        max_size=4,
    )
)  # fmt: skip
def test_json__any_value_in_a_field_of_a_span__others_are_kept(fields: dict[str, object]) -> None:
    body = json.dumps(make_request(make_span(**fields), make_span())).encode()

    decoded = decode_traces(body, JSON)

    _check(decoded)
    assert decoded.event_indexes[-1:] == (1,)
    assert len(decoded.events) + len(decoded.rejected) == 2


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(KEYS), attribute_values, min_size=1, max_size=12))
def test_attributes__known_keys_with_any_values__span_is_kept(attributes: dict[str, object]) -> None:
    body = json.dumps(make_request(make_span(attributes))).encode()

    decoded = decode_traces(body, JSON)

    _check(decoded)
    assert len(decoded.events) == 1
    assert decoded.rejected == ()


@pytest.mark.parametrize(
    "text",
    ["[" * 50_000, '{"a":' * 50_000, "[" * 300 + "]" * 300, '"' * 9_999, '{"a": 1e999}', '{"a": NaN}',
     '{"a":"\\ud800"}', "1" * 10_000, '{"a": ' + "9" * 6_000 + "}"],
)  # fmt: skip
@pytest.mark.parametrize(
    "key",
    ["input.value", "gen_ai.input.messages", "langfuse.observation.usage_details", "ai.prompt.messages", "events"],
)
def test_attributes__text_that_is_almost_json__span_is_kept_whole(key: str, text: str) -> None:
    markers: dict[str, object] = {
        "input.value": {"openinference.span.kind": "LLM"},
        "gen_ai.input.messages": {"gen_ai.operation.name": "chat"},
        "langfuse.observation.usage_details": {"langfuse.observation.type": "generation"},
        "ai.prompt.messages": {"ai.operationId": "ai.generateText.doGenerate"},
        "events": {"logfire.msg": "x", "gen_ai.operation.name": "chat"},
    }
    body = json.dumps(make_request(make_span({**markers[key], key: text}))).encode()  # type: ignore[dict-item]

    decoded = decode_traces(body, JSON)

    _check(decoded)
    assert decoded.events[0].dialect is not None
