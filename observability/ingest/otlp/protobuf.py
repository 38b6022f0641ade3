"""OTLP/HTTP bodies in binary protobuf, after opentelemetry-proto 1.x (`trace/v1`, `logs/v1`, `common/v1`).

The whole body is parsed at once, which is fastest. Protobuf has one verdict for a whole message, so if that fails,
the body is parsed a second time as an envelope (`envelope.py`) whose items are still bytes, and each item by itself:
one span with a string that is not UTF-8, or with values nested too deep (the parser stops at 100 messages), is
rejected alone. Only a broken envelope makes the body malformed.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogMessage
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from observability.ingest.otlp import envelope
from observability.ingest.otlp.wire import (
    Attributes,
    ItemError,
    Link,
    Point,
    RawLog,
    RawSpan,
    Scope,
    make_scope,
)
from observability.ingest.records import Rejected
from observability.ingest.text import name_float

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NO_TRACE = bytes(16)
NO_SPAN = bytes(8)

Item = TypeVar("Item", RawSpan, RawLog)


def iter_spans(body: bytes) -> Iterator[RawSpan | Rejected]:
    """Yield every span of a trace request, or its rejection, in request order.

    Raises `MalformedBodyError`, before the first item.
    """
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        yield from _iter_salvaged(body, Span, _read_span)
        return
    index = 0
    for holder in request.resource_spans:
        resource = read_attributes(holder.resource.attributes)
        for group in holder.scope_spans:
            scope = _read_scope(resource, group.scope, group.schema_url or holder.schema_url)
            for span in group.spans:
                yield _read_item(_read_span, span, scope, index)
                index += 1


def iter_logs(body: bytes) -> Iterator[RawLog | Rejected]:
    """Yield every log record of a logs request, or its rejection; otherwise as `iter_spans`."""
    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        yield from _iter_salvaged(body, LogMessage, _read_log)
        return
    index = 0
    for holder in request.resource_logs:
        resource = read_attributes(holder.resource.attributes)
        for group in holder.scope_logs:
            scope = _read_scope(resource, group.scope, group.schema_url or holder.schema_url)
            for log in group.log_records:
                yield _read_item(_read_log, log, scope, index)
                index += 1


def _iter_salvaged(
    body: bytes, message_type: type[Any], read: Callable[[Any, Scope, int], Item]
) -> Iterator[Item | Rejected]:
    """Yield the items of a body that did not parse as a whole, each parsed by itself."""
    index = 0
    for holder in envelope.parse(body):
        resource = read_attributes(_parse_or_empty(Resource, holder.resource).attributes)
        for group in holder.groups:
            description = _parse_or_empty(InstrumentationScope, group.scope)
            scope = _read_scope(resource, description, "")
            for item_bytes in group.items:
                yield _parse_item(item_bytes, message_type, read, scope, index)
                index += 1


def _parse_item(
    item_bytes: bytes, message_type: type[Any], read: Callable[[Any, Scope, int], Item], scope: Scope, index: int
) -> Item | Rejected:
    message = message_type()
    try:
        message.ParseFromString(item_bytes)
    except DecodeError:
        reason = f"{message_type.DESCRIPTOR.name} is not valid: text that is not UTF-8, or values nested too deep"
        return Rejected(index=index, reason=reason)
    return _read_item(read, message, scope, index)


def _parse_or_empty(message_type: type[Any], message_bytes: bytes) -> Any:
    """Return the message, or an empty one: a resource that cannot be read must not cost its spans."""
    message = message_type()
    try:
        message.ParseFromString(message_bytes)
    except DecodeError:
        return message_type()
    return message


def _read_item(read: Callable[[Any, Scope, int], Item], message: Any, scope: Scope, index: int) -> Item | Rejected:
    try:
        return read(message, scope, index)
    except ItemError as error:
        return error.rejected(index)


def _read_scope(resource: Attributes, scope: Any, schema_url: str) -> Scope:
    attributes = read_attributes(scope.attributes)
    return make_scope(resource, attributes, name=scope.name, version=scope.version, schema_url=schema_url)


def _read_span(span: Any, scope: Scope, index: int) -> RawSpan:
    trace_id, span_id, parent_id, status = span.trace_id, span.span_id, span.parent_span_id, span.status
    if len(trace_id) != 16 or trace_id == NO_TRACE:
        raise ItemError(_describe_id("trace_id", trace_id, 16))
    if len(span_id) != 8 or span_id == NO_SPAN:
        raise ItemError(_describe_id("span_id", span_id, 8))
    if parent_id and len(parent_id) != 8:
        raise ItemError(_describe_id("parent_span_id", parent_id, 8))
    raw = RawSpan(
        index,
        scope,
        trace_id.hex(),
        span_id.hex(),
        "" if parent_id == NO_SPAN else parent_id.hex(),
        span.name,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        read_attributes(span.attributes),
        status.code,
        status.message,
        span.trace_state,
    )
    if events := span.events:
        raw.points = [Point(event.time_unix_nano, event.name, read_attributes(event.attributes)) for event in events]
    if links := span.links:
        raw.links = [_read_link(link) for link in links]
    if span.dropped_attributes_count or span.dropped_events_count or span.dropped_links_count:
        raw.dropped = {
            "attributes": span.dropped_attributes_count,
            "events": span.dropped_events_count,
            "links": span.dropped_links_count,
        }
    return raw


def _read_link(link: Any) -> Link:
    return Link(link.trace_id.hex(), link.span_id.hex(), link.trace_state, read_attributes(link.attributes))


def _read_log(log: Any, scope: Scope, index: int) -> RawLog:
    trace_id, span_id = log.trace_id, log.span_id
    if trace_id and len(trace_id) != 16:
        raise ItemError(_describe_id("trace_id", trace_id, 16))
    if span_id and len(span_id) != 8:
        raise ItemError(_describe_id("span_id", span_id, 8))
    return RawLog(
        index,
        scope,
        "" if trace_id == NO_TRACE else trace_id.hex(),
        "" if span_id == NO_SPAN else span_id.hex(),
        log.time_unix_nano or log.observed_time_unix_nano,
        log.severity_number,
        log.severity_text,
        log.event_name,
        read_value(log.body),
        read_attributes(log.attributes),
    )


def _describe_id(field: str, value: bytes, size: int) -> str:
    if not value:
        return f"{field} is missing"
    if len(value) != size:
        return f"{field} must be {size} bytes, not {len(value)}"
    return f"{field} is all zeros"


def read_attributes(pairs: Iterable[Any]) -> Attributes:
    """Return attributes as a dict; of a repeated key the last value counts.

    Strings are tried first: they are nine of ten values, and asking a message which field is set costs more.
    """
    attributes: Attributes = {}
    for pair in pairs:
        value = pair.value
        attributes[pair.key] = value.string_value or read_value(value)
    return attributes


def read_value(value: Any) -> object:
    """Return an AnyValue as a Python value that JSON can hold; bytes become base64, as the JSON mapping has them.

    Recursion is bounded by the protobuf parser.
    """
    field = value.WhichOneof("value")
    if field is None:
        return None
    content = getattr(value, field)
    if field == "double_value":
        return content if math.isfinite(content) else name_float(content)
    if field == "array_value":
        return [read_value(item) for item in content.values]
    if field == "kvlist_value":
        return read_attributes(content.values)
    if field == "bytes_value":
        return base64.b64encode(content).decode()
    return content
