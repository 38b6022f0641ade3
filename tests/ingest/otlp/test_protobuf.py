"""Protobuf bodies: ids, and bodies that are broken in whole or in part."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from observability.ingest.otlp import MalformedBodyError, decode_traces
from observability.ingest.records import Decoded
from tests.ingest.otlp.recorded import PROTOBUF, SPAN_ID, START_NS, TRACE_ID, load_protobuf


def _make_span(**fields: object) -> Span:
    span = {
        "trace_id": bytes.fromhex(TRACE_ID),
        "span_id": bytes.fromhex(SPAN_ID),
        "name": "step",
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + 1_000_000,
    }
    return Span(**(span | fields))  # type: ignore[arg-type]


def _encode(*spans: Span) -> bytes:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    encoded: bytes = request.SerializeToString()
    return encoded


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited protobuf field."""
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def _decode(*spans: Span) -> Decoded:
    return decode_traces(_encode(*spans), PROTOBUF)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "trace_id is missing"),
        ({"trace_id": bytes(16)}, "trace_id is all zeros"),
        ({"trace_id": b"\x01" * 15}, "trace_id must be 16 bytes, not 15"),
        ({"span_id": b""}, "span_id is missing"),
        ({"span_id": bytes(8)}, "span_id is all zeros"),
        ({"span_id": b"\x01" * 16}, "span_id must be 8 bytes, not 16"),
        ({"parent_span_id": b"\x01"}, "parent_span_id must be 8 bytes, not 1"),
        ({"start_time_unix_nano": 0}, "start_time_unix_nano is missing"),
        ({"start_time_unix_nano": START_NS // 10**9}, "is not a time in nanoseconds"),
    ],
)
def test_span__bad_field__rejected_by_name_beside_a_good_one(fields: dict[str, object], reason: str) -> None:
    decoded = _decode(_make_span(**fields), _make_span())

    assert [rejected.index for rejected in decoded.rejected] == [0]
    assert reason in decoded.rejected[0].reason
    assert decoded.event_indexes == (1,)


def test_span__parent_of_zeros__is_a_root() -> None:
    decoded = _decode(_make_span(parent_span_id=bytes(8)))

    assert decoded.events[0].parent_span_id == ""


def test_body__one_span_is_not_utf8__others_are_kept() -> None:
    body = _encode(_make_span(name="good"), _make_span(name="BROKEN"), _make_span(name="last"))

    decoded = decode_traces(body.replace(b"BROKEN", b"BRO\xffEN"), PROTOBUF)

    assert [event.name for event in decoded.events] == ["good", "last"]
    assert decoded.event_indexes == (0, 2)
    assert "not UTF-8" in decoded.rejected[0].reason


def test_body__one_span_is_nested_too_deep__others_are_kept() -> None:
    value = AnyValue(string_value="bottom").SerializeToString()
    for _ in range(80):
        value = _field(5, _field(1, value))
    attribute = _field(9, _field(1, b"deep") + _field(2, value))
    spans = _field(2, _make_span().SerializeToString()) + _field(2, _make_span().SerializeToString() + attribute)

    decoded = decode_traces(_field(1, _field(2, spans)), PROTOBUF)

    assert len(decoded.events) == 1
    assert "nested too deep" in decoded.rejected[0].reason


def test_body__resource_is_not_utf8__spans_are_kept() -> None:
    request = ExportTraceServiceRequest.FromString(_encode(_make_span()))
    request.resource_spans[0].resource.attributes.add(key="host.name").value.string_value = "BROKEN"

    decoded = decode_traces(request.SerializeToString().replace(b"BROKEN", b"BRO\xffEN"), PROTOBUF)

    assert len(decoded.events) == 1


@pytest.mark.parametrize("cut", [1, 100, 5_000])
def test_body__truncated__malformed(cut: int) -> None:
    with pytest.raises(MalformedBodyError, match="truncated or corrupt"):
        decode_traces(load_protobuf("openinference")[:-cut], PROTOBUF)


def test_attributes__every_type_of_value__becomes_json() -> None:
    span = _make_span()
    span.attributes.add(key="text").value.string_value = "é"
    span.attributes.add(key="empty").value.string_value = ""
    span.attributes.add(key="yes").value.bool_value = True
    span.attributes.add(key="int").value.int_value = -(2**63)
    span.attributes.add(key="float").value.double_value = 0.1
    span.attributes.add(key="nan").value.double_value = float("nan")
    span.attributes.add(key="bytes").value.bytes_value = b"\x00\xff"
    span.attributes.add(key="list").value.array_value.values.add().int_value = 1
    span.attributes.add(key="object").value.kvlist_value.values.add(key="a").value.string_value = "b"
    span.attributes.add(key="none")

    event = _decode(span).events[0]

    assert (
        event.attributes
        == (
            '{"text":"é","empty":"","yes":true,"int":-9223372036854775808,"float":0.1,"nan":"NaN","bytes":"AP8=",'
            '"list":[1],"object":{"a":"b"},"none":null}'
        ).encode()
    )
