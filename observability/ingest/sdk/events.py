"""One SDK event to one record.

`timestamp` is when a step began, for every type and both clients, with one exception: the Python client's interceptor
of model calls stamps an `ai` event when the answer is there, and `durationMs` reaches back from it. Those events are
told by their input, which only that interceptor writes with `llmRequest`; where it knew no messages it writes null,
and then the trace id tells it from a wrapped call, which has none.
"""

from __future__ import annotations

import msgspec

from observability.ingest.records import EventRecord, Kind, ResourceRecord, Status
from observability.ingest.sdk.fields import join_object, read_text, read_value
from observability.ingest.sdk.identity import find_identity
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
from observability.ingest.sdk.wire import YEAR_9999_MS, WireEvent
from observability.ingest.text import NAME_LIMIT, clean_name, encode_json

KINDS = {
    "workflow": Kind.WORKFLOW,
    "ai": Kind.AI,
    "tool": Kind.TOOL,
    "http": Kind.HTTP,
    "db": Kind.DB,
    "side_effect": Kind.SIDE_EFFECT,
}
"""The types the clients send. Any other is stored as a `span`, with its type in `extra`."""

_EXTRA_FIELDS = {
    "usage": "usage",
    "agentTaskId": "agent_task_id",
    "agentTaskIndex": "agent_task_index",
    "streamed": "streamed",
    "streamRaw": "stream_raw",
    "schemaVersion": "schema_version",
}
"""Fields without a column, by their names in `extra`. Usage is kept as sent beside the classes read from it."""

_COLUMN_FIELDS = frozenset(("id", "type", "name", "input", "output", "timestamp", "durationMs", "traceId", "runId"))
_KNOWN_FIELDS = _COLUMN_FIELDS | _EXTRA_FIELDS.keys()


RUN_ID_LIMIT = 100


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """What all events of one batch have in common. `own_hosts` are normalised (`own_traffic.normalise_host`)."""

    session_id: str | None
    resource: ResourceRecord | None
    own_hosts: frozenset[str]
    run_id: str | None = None


def map_event(event: WireEvent, sender: Sender) -> EventRecord:
    """Return the record of one event. Raises `FieldError` naming the field at fault, and `OwnTrafficError`."""
    kind = KINDS.get(event.type, Kind.SPAN)
    given, output = read_value(event.fields, "input"), read_value(event.fields, "output")
    if kind is Kind.HTTP and is_own_traffic(given, sender.own_hosts):
        raise OwnTrafficError("input.url: the client's own traffic with this server is not recorded")
    run_id = read_text(event.fields, "runId", limit=RUN_ID_LIMIT) if "runId" in event.fields else sender.run_id
    identity = find_identity(event, session_id=sender.session_id, kind=kind, run_id=run_id)
    started_at_us, ended_at_us = _find_times(event, ends_at_timestamp=_ends_at_timestamp(event, kind, given))
    error = _find_failure(kind, given, output)
    usage, usage_warning = find_usage(event.fields.get("usage"))
    model = find_model(given, name=event.name) if kind is Kind.AI else ModelFacts()
    return EventRecord(
        trace_id=identity.trace_id,
        span_id=identity.span_id,
        parent_span_id=identity.parent_span_id,
        workflow_name=identity.workflow_name,
        session_id=sender.session_id,
        sdk_event_id=event.counter,
        started_at_us=started_at_us,
        ended_at_us=ended_at_us,
        kind=kind,
        name=clean_name(event.name) or event.type,
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
        attributes=_join_unknown(event),
        extra=_join_extra(event, usage_warning=usage_warning),
        resource=sender.resource,
        run_id=run_id,
    )


def _find_times(event: WireEvent, *, ends_at_timestamp: bool) -> tuple[int, int]:
    """Return start and end. A duration below zero counts as none."""
    duration_us = max(int(event.duration_ms * 1000), 0)
    if ends_at_timestamp:
        return max(event.timestamp_us - duration_us, 0), event.timestamp_us
    return event.timestamp_us, min(event.timestamp_us + duration_us, YEAR_9999_MS * 1000)


def _ends_at_timestamp(event: WireEvent, kind: Kind, given: bytes | None) -> bool:
    if kind is not Kind.AI:
        return False
    return event.trace_id is not None if given is None else has_request(given)


def _find_failure(kind: Kind, given: bytes | None, output: bytes | None) -> ErrorFacts | None:
    if kind is Kind.SIDE_EFFECT:
        return None
    return find_http_error(given, output) if kind is Kind.HTTP else find_error(output)


def _find_status(kind: Kind, *, error: ErrorFacts | None, output: bytes | None) -> Status:
    """Return how a step ended.

    Without output, a workflow event only marks that a run began, and of a model call it is not known how it went: the
    Python client does not say that a call failed.
    """
    if error:
        return Status.ERROR
    return Status.UNSET if kind in (Kind.WORKFLOW, Kind.AI) and output is None else Status.OK


def _join_unknown(event: WireEvent) -> bytes | None:
    """Return the fields that no version of the format known here has, so that they are not lost."""
    unknown = event.fields.keys() - _KNOWN_FIELDS
    if not unknown:
        return None
    return join_object({key: read_value(event.fields, key) or b"null" for key in event.fields if key in unknown})


def _join_extra(event: WireEvent, *, usage_warning: str | None) -> bytes | None:
    found = {name: read_value(event.fields, key) for key, name in _EXTRA_FIELDS.items() if key in event.fields}
    extra = {name: value for name, value in found.items() if value is not None}
    if event.type not in KINDS:
        extra["sdk_type"] = encode_json(event.type)
    if len(event.name) > NAME_LIMIT:
        extra["name"] = encode_json(event.name)
    if usage_warning:
        extra["usage_warning"] = encode_json(usage_warning)
    if event.duration_ms < 0:
        extra["duration_ms"] = encode_json(event.duration_ms)
    return join_object(extra)
