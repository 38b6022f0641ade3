"""One SDK event to one record.

`timestamp` is when a step began, for every type and both clients, with one exception: the Python client's interceptor
of model calls stamps an `ai` event when the answer is there, and `durationMs` reaches back from it. Those events are
told by their input, which only that interceptor writes with `llmRequest`; where it knew no messages it writes null,
and then the trace id tells it from a wrapped call, which has none.
"""

from __future__ import annotations

import msgspec

from observability.ingest.records import EventRecord, Kind, ResourceRecord, Status
from observability.ingest.sdk.fields import FieldError, Fields, join_object, read_number, read_text, read_value
from observability.ingest.sdk.identity import read_identity
from observability.ingest.sdk.own_traffic import OwnTrafficError, is_own_traffic
from observability.ingest.sdk.usage import find_usage
from observability.ingest.sdk.values import (
    ErrorFacts,
    ModelFacts,
    find_error,
    find_http_error,
    find_model,
    has_request,
)
from observability.ingest.text import NAME_LIMIT, clean_name, encode_json

YEAR_9999_MS = 253_402_300_799_999
KINDS = {
    "workflow": Kind.WORKFLOW,
    "ai": Kind.AI,
    "tool": Kind.TOOL,
    "http": Kind.HTTP,
    "db": Kind.DB,
    "side_effect": Kind.SIDE_EFFECT,
}
"""The types the clients send. Any other is stored as a `span`, with its type in `extra`."""

_COLUMN_FIELDS = frozenset(("id", "type", "name", "input", "output", "timestamp", "durationMs", "traceId"))
_EXTRA_FIELDS = {
    "usage": "usage",
    "agentTaskId": "agent_task_id",
    "agentTaskIndex": "agent_task_index",
    "streamed": "streamed",
    "streamRaw": "stream_raw",
    "schemaVersion": "schema_version",
}
"""Fields without a column, by their names in `extra`. Usage is kept as sent beside the classes read from it."""


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """What all events of one batch have in common. `own_hosts` are normalised (`own_traffic.normalise_host`)."""

    session_id: str | None
    resource: ResourceRecord | None
    own_hosts: frozenset[str]


def map_event(fields: Fields, sender: Sender) -> EventRecord:
    """Return the record of one event. Raises `FieldError` naming the field at fault, and `OwnTrafficError`."""
    type_name = read_type(fields)
    kind = KINDS.get(type_name, Kind.SPAN)
    name = read_text(fields, "name") or type_name
    given, output = read_value(fields, "input"), read_value(fields, "output")
    if kind is Kind.HTTP and is_own_traffic(given, sender.own_hosts):
        raise OwnTrafficError("input.url: the client's own traffic with this server is not recorded")
    identity = read_identity(fields, session_id=sender.session_id, kind=kind, name=name)
    started_at_us, ended_at_us = _read_times(fields, ends_at_timestamp=_ends_at_timestamp(fields, kind, given))
    error = _find_failure(kind, given, output)
    usage, usage_warning = find_usage(fields.get("usage"))
    model = find_model(given, name=name) if kind is Kind.AI else ModelFacts()
    return EventRecord(
        trace_id=identity.trace_id,
        span_id=identity.span_id,
        parent_span_id=identity.parent_span_id,
        workflow_name=identity.workflow_name,
        session_id=sender.session_id,
        sdk_event_id=identity.sdk_event_id,
        started_at_us=started_at_us,
        ended_at_us=ended_at_us,
        kind=kind,
        name=clean_name(name) or type_name,
        status=_find_status(kind, error=error, output=output),
        source="sdk",
        error_type=error.type if error else None,
        error_message=error.message if error else None,
        error_stack=error.stack if error else None,
        model=model.model,
        provider=model.provider,
        prompt_hash=model.prompt_hash,
        usage=usage,
        input=given,
        output=output,
        attributes=_join_unknown(fields),
        extra=_join_extra(fields, type_name=type_name, name=name, usage_warning=usage_warning),
        resource=sender.resource,
    )


def read_type(fields: Fields) -> str:
    """Return an event's type. Raises `FieldError` when there is none."""
    type_name = read_text(fields, "type", limit=NAME_LIMIT)
    if type_name is None:
        raise FieldError("type: missing")
    return type_name


def read_timestamp_us(fields: Fields) -> int:
    """Return an event's timestamp. Raises `FieldError` for one that is missing or no time in milliseconds."""
    timestamp_ms = read_number(fields, "timestamp")
    if timestamp_ms is None:
        raise FieldError("timestamp: missing")
    if not 0 < timestamp_ms <= YEAR_9999_MS:
        raise FieldError(f"timestamp: expected milliseconds since 1970, got {timestamp_ms}")
    return int(timestamp_ms * 1000)


def _read_times(fields: Fields, *, ends_at_timestamp: bool) -> tuple[int, int]:
    """Return start and end. A duration below zero, which a clock set back makes, counts as none."""
    timestamp_us = read_timestamp_us(fields)
    duration_ms = read_number(fields, "durationMs") or 0
    if duration_ms > YEAR_9999_MS:
        raise FieldError(f"durationMs: {duration_ms} is longer than any step takes")
    duration_us = max(int(duration_ms * 1000), 0)
    if ends_at_timestamp:
        return max(timestamp_us - duration_us, 0), timestamp_us
    return timestamp_us, min(timestamp_us + duration_us, YEAR_9999_MS * 1000)


def _ends_at_timestamp(fields: Fields, kind: Kind, given: bytes | None) -> bool:
    if kind is not Kind.AI:
        return False
    return "traceId" in fields if given is None else has_request(given)


def _find_failure(kind: Kind, given: bytes | None, output: bytes | None) -> ErrorFacts | None:
    if kind is Kind.SIDE_EFFECT:
        return None
    return find_http_error(given, output) if kind is Kind.HTTP else find_error(output)


def _find_status(kind: Kind, *, error: ErrorFacts | None, output: bytes | None) -> Status:
    """Return how a step ended. A workflow event without output only marks that a run began."""
    if error:
        return Status.ERROR
    return Status.UNSET if kind is Kind.WORKFLOW and output is None else Status.OK


def _join_unknown(fields: Fields) -> bytes | None:
    """Return the fields that no version of the format known here has, so that they are not lost."""
    unknown = fields.keys() - _COLUMN_FIELDS - _EXTRA_FIELDS.keys()
    return join_object({key: read_value(fields, key) or b"null" for key in fields if key in unknown})


def _join_extra(fields: Fields, *, type_name: str, name: str, usage_warning: str | None) -> bytes | None:
    extra = {_EXTRA_FIELDS[key]: read_value(fields, key) for key in fields if key in _EXTRA_FIELDS}
    if type_name not in KINDS:
        extra["sdk_type"] = encode_json(type_name)
    if len(name) > NAME_LIMIT:
        extra["name"] = encode_json(name)
    if usage_warning:
        extra["usage_warning"] = encode_json(usage_warning)
    if (read_number(fields, "durationMs") or 0) < 0:
        extra["duration_ms"] = read_value(fields, "durationMs")
    return join_object({key: value for key, value in extra.items() if value is not None})
