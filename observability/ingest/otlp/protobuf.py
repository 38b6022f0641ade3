"""OTLP/HTTP bodies in binary protobuf, after opentelemetry-proto 1.x (`trace/v1`, `logs/v1`, `common/v1`).

`framing.py` finds the items, and each is parsed by itself: one span with a string that is not UTF-8, or with values
nested too deep (the parser stops at 100 messages), is rejected alone. Only broken framing makes the body malformed.

Plain spans, which are nearly all, are read in C where that was compiled (`native`), to the same result; what it finds
odd in any way it leaves to the code here.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogMessage
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from observability.ingest import native
from observability.ingest.otlp.framing import VALUE_LIMIT, Shape, Slice, has_too_many_values, read_holders
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

MOST_PLAIN_BYTES = 4 * 2**20
"""Of a body that is read in C: what that returns is of its size, and is there besides it."""
NO_TRACE = bytes(16)
NO_SPAN = bytes(8)

Item = TypeVar("Item", RawSpan, RawLog)


def iter_spans(body: bytes) -> Iterator[RawSpan | Rejected]:
    """Yield every span of a trace request, or its rejection, in request order.

    Raises `MalformedBodyError` before the first item.
    """
    plain = native.read_spans(body) if len(body) <= MOST_PLAIN_BYTES else None
    return _iter_items(body, Span, Shape.SPAN, _read_span) if plain is None else _iter_plain_spans(body, plain)


def iter_logs(body: bytes) -> Iterator[RawLog | Rejected]:
    """Yield every log record of a logs request, or its rejection; otherwise as `iter_spans`."""
    return _iter_items(body, LogMessage, Shape.LOG, _read_log)


def _iter_items(
    body: bytes, message_type: type[Any], shape: Shape, read: Callable[[Any, Scope, int], Item]
) -> Iterator[Item | Rejected]:
    index = 0
    for holder in read_holders(body):
        resource = read_attributes(_parse_or_empty(Resource, holder.resource).attributes)
        for group in holder.groups:
            if not group.items:
                continue
            description = _parse_or_empty(InstrumentationScope, group.scope)
            schema_url = (group.schema_url or holder.schema_url).decode(errors="replace")
            scope = _read_scope(resource, description, schema_url)
            for start, end in group.items:
                yield _parse_item(body[start:end], message_type, shape, read, scope, index)
                index += 1


_PlainSpan = tuple[
    str, str, str, str, int, int, int, Attributes, int, str, str, list[Point], list[Link], dict[str, int] | None
]
"""The fields of `RawSpan` after its scope."""


class _Group(msgspec.Struct, array_like=True):
    """The spans of one scope, in order. Each is decoded by itself: all at once they would take many times the body."""

    scope: Slice
    schema_url: Slice
    first: int
    count: int
    spans: list[msgspec.Raw]


class _Holder(msgspec.Struct, array_like=True):
    resource: Slice
    schema_url: Slice
    groups: list[_Group]


_decode_plain = msgspec.msgpack.Decoder(_PlainSpan).decode
_decode_request = msgspec.msgpack.Decoder(tuple[list[_Holder], dict[int, Slice]]).decode


def _iter_plain_spans(body: bytes, plain: bytes) -> Iterator[RawSpan | Rejected]:
    """Yield what `native.read_spans` read, and in its place what it did not."""
    holders, others = _decode_request(plain)
    for holder in holders:
        resource = read_attributes(_parse_or_empty(Resource, body[slice(*holder.resource)]).attributes)
        for group in holder.groups:
            description = _parse_or_empty(InstrumentationScope, body[slice(*group.scope)])
            schema_url = (body[slice(*group.schema_url)] or body[slice(*holder.schema_url)]).decode(errors="replace")
            scope = _read_scope(resource, description, schema_url)
            spans = iter(group.spans)
            for index in range(group.first, group.first + group.count):
                if index in others:
                    yield _parse_item(body[slice(*others[index])], Span, Shape.SPAN, _read_span, scope, index)
                else:
                    yield RawSpan(index, scope, *_decode_plain(next(spans)))


def _parse_item(
    item: bytes,
    message_type: type[Any],
    shape: Shape,
    read: Callable[[Any, Scope, int], Item],
    scope: Scope,
    index: int,
) -> Item | Rejected:
    if has_too_many_values(item, shape):
        return Rejected(index=index, reason=f"attributes, events and links hold more than {VALUE_LIMIT} values")
    try:
        message = message_type.FromString(item)
        return read(message, scope, index)
    except DecodeError:
        reason = f"{message_type.DESCRIPTOR.name} is not valid: text that is not UTF-8, or values nested too deep"
        return Rejected(index=index, reason=reason)
    except ItemError as error:
        return error.rejected(index, trace_id=message.trace_id.hex(), span_id=message.span_id.hex())


def _parse_or_empty(message_type: type[Any], message: bytes) -> Any:
    """Return the message, or an empty one: a resource that cannot be read must not cost its spans."""
    if has_too_many_values(message, Shape.HOLDER):
        return message_type()
    try:
        return message_type.FromString(message)
    except DecodeError:
        return message_type()


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

    Strings and integers are tried first: they are nearly all values, and asking a message which field is set costs
    more than reading one. What is empty or 0 is asked.
    """
    attributes: Attributes = {}
    for pair in pairs:
        value = pair.value
        attributes[pair.key] = value.string_value or value.int_value or read_value(value)
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
