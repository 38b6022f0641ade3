"""Spans to event records: the part of the contract (`otlp.md` section 2) that holds for every dialect.

Decisions the contract leaves open
----------------------------------
- A span that ends before it starts (two clocks) is kept with no duration; `extra.ended_before_start_us` says by how
  much. One without an end is running.
- A start within the first year after 1970 was not sent in nanoseconds and is rejected; other far-off times are the
  writer's to flag.
- An exception recorded on a span fills its error fields unless the span says that all went well (status OK). It does
  not make the span an error by itself: libraries record exceptions that they then handle.
- What has no column goes to `extra`: `span_kind`, `trace_state`, `links`, `dropped` (counts of what the sender dropped
  itself), `parameters`, `usage_warning`, and whole texts that a column holds only clipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from observability.ingest.otlp.dialects import read_span, resolve_pending
from observability.ingest.otlp.dialects.finding import Finding
from observability.ingest.otlp.moved import take_flat, take_value
from observability.ingest.otlp.usage import as_micros
from observability.ingest.otlp.wire import NANOS_PER_MICRO, Attributes, Link, Point, RawSpan, check_start
from observability.ingest.records import EventRecord, LogRecord, Status
from observability.ingest.text import (
    MESSAGE_LIMIT,
    NAME_LIMIT,
    as_json_text,
    clean_message,
    clean_name,
    clean_names,
    clean_text,
    clean_value,
    encode_json,
    hash_prompt,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger(__name__)

WORKFLOW_KEYS = ("workflow.name", "gen_ai.workflow.name", "traceloop.workflow.name", "langfuse.trace.name")
SESSION_KEYS = (
    "session.id",
    "gen_ai.conversation.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
    "ai.telemetry.metadata.sessionId",
)
USER_KEYS = (
    "user.id",
    "enduser.id",
    "langfuse.user.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
)
ENVIRONMENT_KEYS = ("deployment.environment.name", "deployment.environment", "langfuse.environment")
CORRELATION_KEYS = ("correlation.id", "correlation_id", "traceloop.correlation.id")
AGENT_KEYS = ("gen_ai.agent.name", "agent.name")
RUN_KEYS = ("playhead.run.id", "elasticdash.run.id")
"""Of a rerun: the id of its run config. Also taken from the resource, for a process that only runs again."""
TAG_KEYS = ("tag.tags", "langfuse.trace.tags", "logfire.tags", "tags")
COMMON_KEYS = frozenset(
    {
        *WORKFLOW_KEYS,
        *SESSION_KEYS,
        *USER_KEYS,
        *ENVIRONMENT_KEYS,
        *CORRELATION_KEYS,
        *AGENT_KEYS,
        *RUN_KEYS,
        *TAG_KEYS,
        "service.name",
    }
)
"""Attributes with a column of their own that any span of any dialect may carry."""

SPAN_KINDS = {2: "server", 3: "client", 4: "producer", 5: "consumer"}
STATUSES = {1: Status.OK, 2: Status.ERROR}
EXCEPTION_EVENT = "exception"
UNNAMED = "(unnamed)"


def read_event(span: RawSpan) -> EventRecord:
    """Return a span as an event. Raises `ItemError` for one that cannot be placed in time.

    Takes the span's attributes apart: the raw span is not to be used afterwards, except for `read_points`. Long,
    because each field of the record is named once.
    """
    check_start("start_time_unix_nano", span.start_ns)
    resolve_pending(span)
    attributes, scope = span.attributes, span.scope
    dialect, finding = _read_dialect(span)
    extra = _collect_extra(span, finding)
    started_at_us, ended_at_us = _read_times(span, extra)
    status = _read_status(span, finding, ended_at_us)
    error_type, error_message, error_stack = _read_error(span, finding, extra)
    common = _NOTHING if COMMON_KEYS.isdisjoint(attributes) else _read_common(attributes)
    return EventRecord(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        started_at_us=started_at_us,
        ended_at_us=ended_at_us,
        kind=finding.kind,
        name=_read_name(finding.name or span.name, extra),
        status=status,
        source="otlp",
        error_type=error_type,
        error_message=error_message,
        error_stack=error_stack,
        model=clean_name(finding.model),
        provider=_read_provider(finding.provider),
        usage=finding.usage,
        cost_micros=as_micros(finding.cost_usd),
        workflow_name=common.workflow_name,
        session_id=common.session_id,
        user_id=common.user_id,
        environment=common.environment or scope.environment,
        service_name=common.service_name or scope.service_name,
        service_version=scope.service_version,
        correlation_id=common.correlation_id,
        agent_name=clean_name(finding.agent_name) or common.agent_name,
        tags=common.tags,
        prompt_hash=_hash_prompt(finding.system_prompt),
        prompt_name=clean_name(finding.prompt_name),
        prompt_version=clean_name(finding.prompt_version),
        tool_name=_read_tool_name(span, finding),
        input=_take_input(attributes, finding),
        output=_take_output(attributes, finding),
        attributes=_encode_attributes(attributes),
        extra=encode_json(extra) if extra else None,
        resource=scope.record,
        dialect=dialect,
        run_id=common.run_id or scope.run_id,
    )


def read_points(span: RawSpan) -> Iterator[LogRecord]:
    """Yield a span's events as log records, in their order; one without a time is at the start of its span."""
    for sequence, point in enumerate(span.points):
        is_error = point.name == EXCEPTION_EVENT
        yield LogRecord(
            trace_id=span.trace_id,
            span_id=span.span_id,
            logged_at_us=(point.time_ns or span.start_ns) // NANOS_PER_MICRO,
            stream="event",
            level="error" if is_error else "info",
            message=_describe_point(point),
            type=clean_name(point.name),
            sequence=sequence,
            fields=_encode_attributes(point.attributes) if point.attributes else None,
            resource=span.scope.record,
        )


class Common(msgspec.Struct, frozen=True):
    """The values of `COMMON_KEYS`, clean."""

    workflow_name: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    environment: str | None = None
    service_name: str | None = None
    correlation_id: str | None = None
    agent_name: str | None = None
    tags: tuple[str, ...] = ()
    run_id: str | None = None


_NOTHING = Common()


def _read_common(attributes: Attributes) -> Common:
    return Common(
        workflow_name=_first_name(attributes, WORKFLOW_KEYS),
        session_id=_first_name(attributes, SESSION_KEYS),
        user_id=_first_name(attributes, USER_KEYS),
        environment=_first_name(attributes, ENVIRONMENT_KEYS),
        service_name=clean_name(attributes.get("service.name")),
        correlation_id=_first_name(attributes, CORRELATION_KEYS),
        agent_name=_first_name(attributes, AGENT_KEYS),
        tags=next((names for key in TAG_KEYS if (names := clean_names(attributes.get(key)))), ()),
        run_id=_first_name(attributes, RUN_KEYS),
    )


def _first_name(attributes: Attributes, keys: tuple[str, ...]) -> str | None:
    for key in keys:
        if key in attributes:
            name = clean_name(attributes[key])
            if name:
                return name
    return None


def _read_dialect(span: RawSpan) -> tuple[str | None, Finding]:
    """Return what the span's dialect found; a span that a dialect cannot cope with is kept as a plain one."""
    try:
        return read_span(span)
    except Exception:
        log.exception("otlp.dialect_failed", span_name=span.name[:100], scope=span.scope.name[:100])
        return None, Finding()


def _read_name(name: object, extra: dict[str, object]) -> str:
    if isinstance(name, str) and len(name) > NAME_LIMIT:
        extra["name"] = clean_text(name)
    return clean_name(name) or UNNAMED


def _read_provider(provider: object) -> str | None:
    """Return the provider in small letters: instrumentations disagree only on those."""
    name = clean_name(provider)
    return name.lower() if name else None


def _read_status(span: RawSpan, finding: Finding, ended_at_us: int | None) -> Status:
    if ended_at_us is None:
        return Status.RUNNING
    if finding.is_error:
        return Status.ERROR
    return STATUSES.get(span.status_code, Status.UNSET)


def _read_times(span: RawSpan, extra: dict[str, object]) -> tuple[int, int | None]:
    """Return start and end in microseconds. Both are rounded down, so no span gets a negative duration."""
    started_at_us = span.start_ns // NANOS_PER_MICRO
    if span.end_ns == 0:
        return started_at_us, None
    ended_at_us = span.end_ns // NANOS_PER_MICRO
    if ended_at_us < started_at_us:
        extra["ended_before_start_us"] = started_at_us - ended_at_us
        return started_at_us, started_at_us
    return started_at_us, ended_at_us


def _read_error(span: RawSpan, finding: Finding, extra: dict[str, object]) -> tuple[str | None, str | None, str | None]:
    """Return error type, message and stack: of the last exception recorded, else of the status."""
    is_error = span.status_code == 2 or finding.is_error
    if not is_error and (span.status_code == 1 or not span.points):
        return None, None, None
    type_: object = None
    message: object = None
    stack: object = None
    for point in span.points:
        if point.name == EXCEPTION_EVENT:
            type_ = point.attributes.get("exception.type")
            message = point.attributes.get("exception.message")
            stack = point.attributes.get("exception.stacktrace")
    if is_error:
        type_ = type_ or span.attributes.get("error.type")
        message = message or span.status_message or finding.error_message or span.attributes.get("error.message")
    if isinstance(message, str) and len(message) > MESSAGE_LIMIT:
        extra["error_message"] = clean_text(message)
    return clean_name(type_), clean_message(message), clean_text(stack) if isinstance(stack, str) and stack else None


def _collect_extra(span: RawSpan, finding: Finding) -> dict[str, object]:
    extra: dict[str, object] = {}
    if span.kind in SPAN_KINDS:
        extra["span_kind"] = SPAN_KINDS[span.kind]
    if span.trace_state:
        extra["trace_state"] = clean_text(span.trace_state)
    if span.links:
        extra["links"] = [_describe_link(link) for link in span.links]
    if span.dropped:
        extra["dropped"] = {name: count for name, count in span.dropped.items() if count}
    if finding.parameters:
        extra["parameters"] = _read_parameters(finding.parameters)
    if finding.is_streamed:
        extra["streamed"] = True
    if finding.usage_warning:
        extra["usage_warning"] = finding.usage_warning
    return extra


def _describe_link(link: Link) -> dict[str, object]:
    described: dict[str, object] = {"trace_id": link.trace_id, "span_id": link.span_id}
    if link.trace_state:
        described["trace_state"] = clean_text(link.trace_state)
    if link.attributes:
        described["attributes"] = clean_value(link.attributes)
    return described


def _read_parameters(parameters: object) -> object:
    if isinstance(parameters, str):
        content = as_json_text(parameters)
        return clean_text(parameters) if content is None else msgspec.Raw(content)
    return clean_value(parameters)


def _read_tool_name(span: RawSpan, finding: Finding) -> str | None:
    return None if finding.tool_name == span.name else clean_name(finding.tool_name)


def _hash_prompt(system_prompt: object) -> str | None:
    return hash_prompt(system_prompt) if isinstance(system_prompt, str) and system_prompt else None


def _take_input(attributes: Attributes, finding: Finding) -> bytes | None:
    if finding.input is not None:
        return encode_json(clean_value(finding.input))
    if finding.input_key is not None:
        return take_value(attributes, finding.input_key, "input", is_text=finding.is_input_text)
    return take_flat(attributes, finding.input_prefix, "input") if finding.input_prefix else None


def _take_output(attributes: Attributes, finding: Finding) -> bytes | None:
    if finding.output is not None:
        return encode_json(clean_value(finding.output))
    if finding.output_key is not None:
        return take_value(attributes, finding.output_key, "output", is_text=finding.is_output_text)
    return take_flat(attributes, finding.output_prefix, "output") if finding.output_prefix else None


def _encode_attributes(attributes: Attributes) -> bytes | None:
    """Return attributes as a JSON object, without NUL; searched for in the result, which is cheaper than in each."""
    if not attributes:
        return None
    content = encode_json(attributes)
    # A lone byte is found many times faster than six, and most have none.
    if b"\\" in content and b"\\u0000" in content:
        content = encode_json(clean_value(attributes))
    return content


def _describe_point(point: Point) -> str:
    """Return the line that stands for a span event: what it says, else its name."""
    attributes = point.attributes
    message = attributes.get("message")
    if point.name == EXCEPTION_EVENT:
        type_, message = attributes.get("exception.type"), attributes.get("exception.message")
        message = f"{type_}: {message}" if type_ and isinstance(message, str) else message or type_
    return clean_message(message) or clean_name(point.name) or UNNAMED
