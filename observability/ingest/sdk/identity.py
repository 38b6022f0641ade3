"""Which trace an event belongs to, and its id in it.

- An event with a counter is the same event whenever (session, counter, type, timestamp) are equal (B6.19): its span
  id is a hash of these. One without (absent, or 0) is the same when its whole content is.
- The workflow event of a trace gets its span id from the trace id, so that every other event can name it as its
  parent, whichever arrives first. It is told by its name, which is the trace id's first part; a workflow event of
  another name is a step inside.
- The counter is shared by all types of a session and does not restart with a trace.
"""

from __future__ import annotations

import hashlib

import msgspec

from observability.ingest.records import Kind
from observability.ingest.sdk.fields import FieldError
from observability.ingest.sdk.trace_ids import (
    UNKNOWN_WORKFLOW,
    get_workflow_name,
    make_run_trace_id,
    make_unattributed_trace_id,
    parse_trace_id,
)
from observability.ingest.sdk.wire import WireEvent
from observability.ingest.text import clean_name

_CONTENT = ("traceId", "type", "name", "timestamp", "durationMs", "input", "output")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """An event's place: `parent_span_id` is "" for a root and None when the trace's shape is not known."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    workflow_name: str


def find_identity(event: WireEvent, *, session_id: str | None, kind: Kind, run_id: str | None = None) -> Identity:
    """Return an event's place. Raises `FieldError` when nothing says which trace it belongs to."""
    trace_id = event.trace_id or (make_run_trace_id(run_id) if run_id else _find_session_trace(session_id))
    is_root = kind is Kind.WORKFLOW and event.trace_id is not None and _is_workflow_event(trace_id, event.name)
    return Identity(
        trace_id=trace_id,
        span_id=make_workflow_span_id(trace_id) if is_root else _make_span_id(event, session_id),
        parent_span_id="" if is_root else _find_parent(event.trace_id),
        workflow_name=clean_name(get_workflow_name(trace_id)) or UNKNOWN_WORKFLOW,
    )


def make_workflow_span_id(trace_id: str) -> str:
    """Return the span id of a trace's workflow event."""
    return _hash(b"workflow", trace_id.encode())


def _is_workflow_event(trace_id: str, name: str) -> bool:
    """Tell the run's own workflow event from one inside it. An id made elsewhere names no workflow to compare with."""
    return parse_trace_id(trace_id) is None or name == get_workflow_name(trace_id)


def _find_session_trace(session_id: str | None) -> str:
    if session_id is None:
        raise FieldError("traceId: missing, and the batch has no sessionId to keep the event under")
    return make_unattributed_trace_id(session_id)


def _find_parent(sent_trace_id: str | None) -> str | None:
    """Return the workflow event's span id where the client's trace id promises that there is one.

    Events without a trace id are roots of their session's trace. Ids made elsewhere promise nothing.
    """
    if sent_trace_id is None:
        return ""
    return make_workflow_span_id(sent_trace_id) if parse_trace_id(sent_trace_id) else None


def _make_span_id(event: WireEvent, session_id: str | None) -> str:
    scope = (session_id or event.trace_id or "").encode()
    if event.counter is None:
        return _hash(b"content", scope, *(bytes(event.fields.get(key, b"")) for key in _CONTENT))
    return _hash(b"event", scope, b"%d" % event.counter, event.type.encode(), b"%d" % event.timestamp_us)


def _hash(*parts: bytes) -> str:
    """Return 16 hex digits; each part goes in with its length, so that no two lists of parts look alike."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()[:16]
