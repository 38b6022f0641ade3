"""OTLP items as the two encodings yield them, before any meaning is read into them.

`protobuf` and `json_body` both turn a request into these; everything after them is the same for both.
Ids are already lower-case hex and checked; times are nanoseconds; attributes are plain Python values.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from observability.ingest.records import Rejected, ResourceRecord
from observability.ingest.text import clean_name, encode_json

if TYPE_CHECKING:
    from collections.abc import Mapping

Attributes = dict[str, object]

NANOS_PER_MICRO = 1_000
NANOSECOND_FLOOR = 365 * 86_400 * 10**9
"""One year after the epoch. An earlier time is one that was sent in seconds, milliseconds or microseconds."""
NANOSECOND_CEILING = 2**64 - 1
"""The field is 64 bits wide: no later than the year 2554."""


ITEM_LIMIT = 200_000
"""Spans, span events, links and log records in one request; far above what exporters batch (512 to 10,000 spans)."""


class Signal(enum.StrEnum):
    """The three kinds of request of OTLP/HTTP, by the last part of their path."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


class MalformedBodyError(ValueError):
    """The body as a whole cannot be read; the message says where and why. Answered with 400, never retried."""


class OversizedBodyError(MalformedBodyError):
    """The body is small enough, but what it holds is not. Answered with 413: the sender must send smaller batches."""


class ItemError(ValueError):
    """One span or log record cannot be stored; the message names its field. The others are not affected."""

    def rejected(self, index: int, *, trace_id: str | None = None, span_id: str | None = None) -> Rejected:
        """Return the rejection of the item at `index`, with the ids it has as far as they could be read."""
        return Rejected(index=index, reason=str(self), trace_id=trace_id, span_id=span_id)


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What all spans of one instrumentation scope share. Made once per scope, referenced by each event."""

    record: ResourceRecord
    name: str
    service_name: str | None
    service_version: str | None
    environment: str | None
    run_id: str | None


class Point(msgspec.Struct, array_like=True):
    """A span event: a name and attributes at one moment."""

    time_ns: int
    name: str
    attributes: Attributes


class Link(msgspec.Struct, array_like=True):
    """A reference from a span to another, usually of another trace."""

    trace_id: str
    span_id: str
    trace_state: str
    attributes: Attributes


class RawSpan(msgspec.Struct):
    """One span. `parent_span_id` is "" for a root; `end_ns` is 0 while it runs."""

    index: int
    scope: Scope
    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: Attributes
    status_code: int = 0
    status_message: str = ""
    trace_state: str = ""
    points: list[Point] = []
    links: list[Link] = []
    dropped: dict[str, int] | None = None
    """Counts of what the sender itself dropped, by field name."""


class RawLog(msgspec.Struct):
    """One log record. `trace_id` and `span_id` are "" outside a trace."""

    index: int
    scope: Scope
    trace_id: str
    span_id: str
    time_ns: int
    severity_number: int
    severity_text: str
    event_name: str
    body: object
    attributes: Attributes


def make_scope(
    resource: Mapping[str, object], scope: Mapping[str, object], *, name: str, version: str, schema_url: str
) -> Scope:
    """Return the shared part of a scope's items from its resource and scope attributes."""
    described: dict[str, object] = {"name": name}
    if version:
        described["version"] = version
    if scope:
        described["attributes"] = scope
    content: dict[str, object] = {"resource": resource, "scope": described}
    if schema_url:
        content["schema_url"] = schema_url

    def pick(*keys: str) -> str | None:
        return next((name for key in keys if (name := clean_name(resource.get(key)))), None)

    return Scope(
        record=ResourceRecord(attributes=encode_json(content)),
        name=name,
        service_name=pick("service.name"),
        service_version=pick("service.version", "langfuse.release"),
        environment=pick("deployment.environment.name", "deployment.environment", "langfuse.environment"),
        run_id=pick("playhead.run.id", "elasticdash.run.id"),
    )


def check_count(count: int) -> None:
    """Raise `OversizedBodyError` when a request turns out to hold more than it may."""
    if count > ITEM_LIMIT:
        raise OversizedBodyError(f"the request holds more than {ITEM_LIMIT} spans, events, links or log records")


def check_start(field: str, time_ns: int) -> None:
    """Raise `ItemError` for a start that is missing, or is not in nanoseconds, or does not fit."""
    if time_ns == 0:
        raise ItemError(f"{field} is missing")
    if not NANOSECOND_FLOOR <= time_ns <= NANOSECOND_CEILING:
        raise ItemError(f"{field} {time_ns} is not a time in nanoseconds since 1970")
