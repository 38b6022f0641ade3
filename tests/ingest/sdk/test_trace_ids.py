"""Trace ids as the SDK makes them."""

from __future__ import annotations

import pytest

from observability.ingest.sdk.trace_ids import TraceIdParts, get_workflow_name, parse_trace_id


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("chatHandler::1795202677943::c1de2abc", TraceIdParts("chatHandler", 1795202677943, "c1de2abc")),
        ("chatHandler::1795202677943", TraceIdParts("chatHandler", 1795202677943, None)),
        ("chatHandler::soon::c1de2abc", TraceIdParts("chatHandler", None, "c1de2abc")),
        ("chatHandler::", TraceIdParts("chatHandler", None, None)),
        ("a::1::b::c", TraceIdParts("a", 1, "b")),
        ("::1::b", TraceIdParts("", 1, "b")),
        ("a::٣::b", TraceIdParts("a", None, "b")),
        (f"a::{'9' * 5000}::b", TraceIdParts("a", None, "b")),
        ("0b1c2d3e-uuid", None),
        ("a:b", None),
        ("", None),
    ],
)
def test_parse_trace_id__parts(text: str, parts: TraceIdParts | None) -> None:
    assert parse_trace_id(text) == parts


@pytest.mark.parametrize(
    ("trace_id", "workflow"),
    [
        ("chatHandler::1::a", "chatHandler"),
        ("chat::1::a", "chat"),
        ("chat_%::1::a", "chat_%"),
        ("0b1c2d3e-uuid", "unknown-workflow"),
        ("::1::a", "unknown-workflow"),
        ("unknown-workflow::session", "unknown-workflow"),
    ],
)
def test_get_workflow_name__prefix_or_unknown(trace_id: str, workflow: str) -> None:
    assert get_workflow_name(trace_id) == workflow
