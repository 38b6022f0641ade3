"""Bodies that are small on the wire and large in memory, and the limits that stop them."""

from __future__ import annotations

import tracemalloc

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observability.ingest.otlp import MalformedBodyError, OversizedBodyError, decode_logs, decode_traces
from observability.ingest.otlp.framing import GROUP_LIMIT, VALUE_LIMIT, Shape, has_too_many_values, read_holders
from observability.ingest.otlp.wire import ITEM_LIMIT
from tests.ingest.otlp.recorded import JSON, PROTOBUF, load_protobuf


def _field(number: int, content: bytes) -> bytes:
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


EMPTY_SPANS = _field(1, _field(2, b"\x12\x00" * (ITEM_LIMIT + 1)))
EMPTY_SCOPES = _field(1, b"\x12\x00" * (GROUP_LIMIT + 1))
EMPTY_RESOURCES = b"\x0a\x00" * (GROUP_LIMIT + 1)
JSON_NUMBERS = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"1," * (ITEM_LIMIT + 1) + b"1]}]}]}"
JSON_LISTS = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"[]," * 2_000_000 + b"1]}]}]}"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (EMPTY_SPANS, PROTOBUF),
        (EMPTY_SCOPES, PROTOBUF),
        (EMPTY_RESOURCES, PROTOBUF),
        (JSON_NUMBERS, JSON),
        (JSON_LISTS, JSON),
    ],
    ids=["spans", "scopes", "resources", "json numbers", "json lists"],
)
def test_body__too_many_items__refused_in_little_memory(body: bytes, content_type: str) -> None:
    tracemalloc.start()
    with pytest.raises(OversizedBodyError):
        decode_traces(body, content_type)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 128 * 2**20


def test_logs__too_many_items__refused() -> None:
    with pytest.raises(OversizedBodyError):
        decode_logs(EMPTY_SPANS, PROTOBUF)


@pytest.mark.parametrize(
    "item",
    [
        b"\x4a\x00" * 1_000_000,
        b"\x5a\x00" * 1_000_000,
        b"\x6a\x00" * 1_000_000,
        _field(9, _field(2, _field(5, b"\x0a\x00" * 1_000_000))),
        _field(9, _field(2, _field(6, b"\x0a\x00" * 1_000_000))),
        b"".join(_field(11, b"\x1a\x00" * 3_000) for _ in range(60)),
    ],
    ids=["attributes", "events", "links", "list", "object", "attributes of events"],
)
def test_span__too_many_values__rejected_alone(item: bytes) -> None:
    body = _field(1, _field(2, _field(2, item) + _field(2, b"")))

    decoded = decode_traces(body, PROTOBUF)

    assert f"more than {VALUE_LIMIT} values" in decoded.rejected[0].reason
    assert decoded.rejected[1].reason == "trace_id is missing"


def test_span__many_events_over_many_spans__refused() -> None:
    span = _field(1, b"\x01" * 16) + _field(2, b"\x02" * 8) + b"\x5a\x00" * 90_000
    body = _field(1, _field(2, _field(2, span) * 3))

    with pytest.raises(OversizedBodyError, match="spans, events, links or log records"):
        decode_traces(body, PROTOBUF)


def test_value__long_text__is_not_too_many() -> None:
    item = _field(9, _field(1, b"input.value") + _field(2, _field(1, b"x" * 5_000_000)))

    assert not has_too_many_values(item, Shape.SPAN)


def test_holders__message_in_two_pieces__is_merged_as_protobuf_does() -> None:
    request = ExportTraceServiceRequest.FromString(load_protobuf("gen_ai"))
    first, second = request.resource_spans[0].resource.attributes[:2]
    resource = request.resource_spans[0].resource
    del resource.attributes[:]
    pieces = [type(resource)(attributes=[pair]).SerializeToString() for pair in (first, second)]

    holder = read_holders(_field(1, _field(1, pieces[0]) + _field(1, pieces[1])))[0]

    assert [pair.key for pair in type(resource).FromString(holder.resource).attributes] == [first.key, second.key]


def test_holders__unknown_fields_of_every_kind__are_skipped() -> None:
    unknown = b"\x78\x96\x01" + b"\x79" + bytes(8) + b"\x7d" + bytes(4) + _field(14, b"future")

    holders = read_holders(unknown + _field(1, unknown + _field(2, unknown + _field(2, b"item"))))

    assert [len(group.items) for group in holders[0].groups] == [1]


@pytest.mark.parametrize("body", [b"\x0a", b"\x0a\x05abc", b"\x0b", b"\x0c", b"\x80" * 12, b"\x79\x00", b"\x78\x80"])
def test_holders__broken_framing__malformed(body: bytes) -> None:
    with pytest.raises(MalformedBodyError, match="truncated or corrupt"):
        read_holders(body)
