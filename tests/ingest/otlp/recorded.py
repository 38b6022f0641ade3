"""Recorded requests (`fixtures/`) in both encodings, and small requests made by hand."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observability.ingest.otlp import decode_traces
from observability.ingest.otlp.messages import Message, read_messages
from observability.ingest.records import Decoded, EventRecord

FIXTURES = Path(__file__).parent / "fixtures"
TRACES = tuple(sorted(path.stem for path in FIXTURES.glob("*.json") if not path.stem.endswith(".logs")))
PROTOBUF, JSON = "application/x-protobuf", "application/json"
ID_FIELDS = ("traceId", "spanId", "parentSpanId")

START_NS = 1_795_220_000_000_000_000
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


def load_json(name: str) -> bytes:
    """Return a recorded request as OTLP/JSON."""
    return (FIXTURES / f"{name}.json").read_bytes()


def load_protobuf(name: str) -> bytes:
    """Return a recorded request in protobuf."""
    request = ExportLogsServiceRequest() if name.endswith(".logs") else ExportTraceServiceRequest()
    return to_protobuf(json.loads(load_json(name)), request)


def to_protobuf(content: dict[str, Any], request: Any = None) -> bytes:
    """Return an OTLP/JSON request in protobuf."""
    message = ParseDict(_with_base64_ids(content), request or ExportTraceServiceRequest())
    encoded: bytes = message.SerializeToString()
    return encoded


def _with_base64_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(inner)).decode() if key in ID_FIELDS else _with_base64_ids(inner)
            for key, inner in value.items()
        }
    return [_with_base64_ids(item) for item in value] if isinstance(value, list) else value


def decode_recorded(name: str) -> Decoded:
    """Return what a recorded trace request holds."""
    return decode_traces(load_protobuf(name), PROTOBUF)


def list_events(name: str, kind: str) -> list[EventRecord]:
    """Return the recorded events of one kind, by their start."""
    events = [event for event in decode_recorded(name).events if event.kind == kind]
    return sorted(events, key=lambda event: event.started_at_us)


def messages_of(event: EventRecord) -> list[Message]:
    """Return an event's messages as the trace page reads them."""
    return read_messages(event.dialect, attributes=event.attributes, given=event.input, produced=event.output)


def describe(messages: list[Message]) -> list[tuple[str, str, str, object]]:
    """Return side, role, and type and content of each part, for comparing at a glance."""
    return [
        (message.side, message.role, part.type, part.text if part.text is not None else part.value)
        for message in messages
        for part in message.parts
    ]


def make_value(value: object) -> dict[str, Any]:
    """Return an OTLP/JSON AnyValue."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [make_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": make_attributes(value)}}
    return {"stringValue": value} if value is not None else {}


def make_attributes(attributes: dict[str, object]) -> list[dict[str, Any]]:
    """Return OTLP/JSON key-value pairs."""
    return [{"key": key, "value": make_value(value)} for key, value in attributes.items()]


def make_span(attributes: dict[str, object] | None = None, /, **fields: object) -> dict[str, Any]:
    """Return an OTLP/JSON span that is one second long, with these attributes and fields."""
    return {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "name": "step",
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 10**9),
        "attributes": make_attributes(attributes or {}),
        **fields,
    }


def make_request(*spans: object, resource: dict[str, object] | None = None) -> dict[str, Any]:
    """Return an OTLP/JSON trace request with one scope."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": make_attributes(resource or {})},
                "scopeSpans": [{"scope": {"name": "tests"}, "spans": list(spans)}],
            }
        ]
    }


def decode_spans(*spans: object, resource: dict[str, object] | None = None) -> Decoded:
    """Return what a JSON request with these spans decodes to."""
    return decode_traces(json.dumps(make_request(*spans, resource=resource)).encode(), JSON)


def decode_span(attributes: dict[str, object] | None = None, /, **fields: object) -> EventRecord:
    """Return the event of one span made by `make_span`."""
    decoded = decode_spans(make_span(attributes, **fields))
    assert not decoded.rejected
    return decoded.events[0]
