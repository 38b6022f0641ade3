"""Answers of the OTLP doors, in the request's own encoding, after the OTLP/HTTP specification.

Success is `Export<Signal>ServiceResponse`: empty if everything was stored, else with `partial_success`. Failure is
`google.rpc.Status`, of which only `code` and `message` are sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from observability.ingest.otlp.wire import Signal
from observability.ingest.text import encode_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observability.ingest.records import Rejected

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
REASONS_SHOWN = 5
METRICS_MESSAGE = "Metrics are accepted and not stored: this endpoint keeps traces and logs."

INVALID_ARGUMENT = 3
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
UNAVAILABLE = 14
UNAUTHENTICATED = 16
CODES = {400: INVALID_ARGUMENT, 401: UNAUTHENTICATED, 403: PERMISSION_DENIED, 413: RESOURCE_EXHAUSTED, 503: UNAVAILABLE}
"""`google.rpc.Code` by HTTP status."""

_RESPONSES: dict[Signal, tuple[type[Any], str]] = {
    Signal.TRACES: (ExportTraceServiceResponse, "rejected_spans"),
    Signal.LOGS: (ExportLogsServiceResponse, "rejected_log_records"),
    Signal.METRICS: (ExportMetricsServiceResponse, "rejected_data_points"),
}
_JSON_COUNTS = {
    Signal.TRACES: "rejectedSpans",
    Signal.LOGS: "rejectedLogRecords",
    Signal.METRICS: "rejectedDataPoints",
}


def read_media_type(content_type: str | None) -> str | None:
    """Return `PROTOBUF` or `JSON` for a Content-Type header, None for one that OTLP does not know."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type in (PROTOBUF, "application/protobuf"):
        return PROTOBUF
    return JSON if media_type == JSON else None


def encode_response(signal: Signal, rejected: Sequence[Rejected], content_type: str | None) -> bytes:
    """Return the body of a 200: empty-handed if all was stored, else how many were rejected and the first reasons."""
    message = METRICS_MESSAGE if signal is Signal.METRICS else describe_rejected(rejected)
    if read_media_type(content_type) == JSON:
        partial: dict[str, object] = {}
        if rejected:
            partial[_JSON_COUNTS[signal]] = str(len(rejected))
        if message:
            partial["errorMessage"] = message
        return encode_json({"partialSuccess": partial} if partial else {})
    response_type, count_field = _RESPONSES[signal]
    response = response_type()
    if rejected or message:
        response.partial_success.error_message = message
        setattr(response.partial_success, count_field, len(rejected))
    encoded: bytes = response.SerializeToString()
    return encoded


def describe_rejected(rejected: Sequence[Rejected]) -> str:
    """Return one sentence for each of the first rejections, and how many more there are."""
    lines = [f"item {item.index}: {item.reason}" for item in rejected[:REASONS_SHOWN]]
    if len(rejected) > REASONS_SHOWN:
        lines.append(f"and {len(rejected) - REASONS_SHOWN} more")
    return "; ".join(lines)


def encode_error(message: str, content_type: str | None, *, status: int = 400) -> bytes:
    """Return the body of a failure with this HTTP status: protobuf for protobuf requests, JSON for all others."""
    code = CODES.get(status, 2)
    if read_media_type(content_type) == PROTOBUF:
        encoded: bytes = _Status(code=code, message=message).SerializeToString()
        return encoded
    return encode_json({"code": code, "message": message})


def _build_status_type() -> Any:
    """Make `google.rpc.Status` without its details, whose package we do not otherwise need."""
    file = descriptor_pb2.FileDescriptorProto(name="playhead/status.proto", package="playhead.rpc", syntax="proto3")
    optional = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, label=optional, type=descriptor_pb2.FieldDescriptorProto.TYPE_INT32)
    status.field.add(name="message", number=2, label=optional, type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("playhead.rpc.Status"))


_Status = _build_status_type()
