"""Pydantic Logfire and Pydantic AI (`logfire.*`, and `gen_ai.*` beside them)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observability.ingest.otlp.wire import RawSpan

PENDING = "pending_span"


def resolve_pending(span: RawSpan) -> None:
    """Turn Logfire's announcement of a span that has just begun into the running half of that span.

    The announcement is a span of its own: a child of the real one, with its start, whose attribute
    `logfire.pending_parent_id` names the real one's parent (zeros for a root).
    """
    attributes = span.attributes
    if attributes.get("logfire.span_type") != PENDING or not span.parent_span_id:
        return
    parent = attributes.get("logfire.pending_parent_id")
    span.span_id = span.parent_span_id
    span.parent_span_id = parent.lower() if isinstance(parent, str) and parent.strip("0") else ""
    span.end_ns = 0
