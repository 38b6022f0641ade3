"""Examples in the OpenAPI document. `tests/api/test_schema.py` holds them against their schemas."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

_TRACE: dict[str, Any] = {
    "trace_id": "chatHandler::1795202677943::c1de2abc",
    "workflow_name": "chatHandler",
    "status": "ok",
    "started_at": "2026-11-20T20:04:37.943000Z",
    "ended_at": "2026-11-20T20:04:41.120000Z",
    "duration_ms": 3177.0,
    "event_count": 6,
    "open_count": 0,
    "error_count": 0,
    "log_count": 2,
    "input_tokens": 812,
    "output_tokens": 164,
    "total_tokens": 976,
    "cost_micros": 4120,
    "cost_usd": "0.004120",
    "unpriced_count": 0,
    "model_names": ["gpt-5-mini"],
    "session_id": "3f0c2a52-7f4e-4a9e-8d55-0f3b7f0d9a11",
    "user_id": None,
    "environment": "production",
    "service_name": "support-desk",
    "service_version": None,
    "correlation_id": None,
    "agent_name": None,
    "tags": ["beta"],
    "source": "sdk",
    "input_preview": "Where is my order?",
    "output_preview": "It left our warehouse this morning.",
    "error_message": None,
    "flags": [],
    "version": 4,
    "created_at": "2026-11-20T20:04:39.950000Z",
    "updated_at": "2026-11-20T20:04:42.010000Z",
}
_EVENT: dict[str, Any] = {
    "id": 73121,
    "span_id": "9d1c6c0a4b2e7f35",
    "parent_span_id": "51b7f0a2c3d4e5f6",
    "kind": "tool",
    "name": "search_orders",
    "status": "ok",
    "started_at": "2026-11-20T20:04:38.100000Z",
    "ended_at": "2026-11-20T20:04:38.112500Z",
    "duration_ms": 12.5,
    "version": 3,
    "input_preview": '{"customer":42}',
    "output_preview": '[{"order":7}]',
}
TRACE = OpenApiExample("A trace", value=_TRACE, response_only=True, status_codes=["200"])
TRACES = OpenApiExample(
    "One page",
    value={
        "items": [_TRACE],
        "next_cursor": "WzE3OTUyMDI2Nzc5NDMwMDAsImEiXQ",
        "newest_cursor": "WzE3OTUyMDI2Nzc5NDMwMDAsImEiXQ",
        "is_partial": False,
        "covered_from": None,
    },
    response_only=True,
    status_codes=["200"],
)
FACETS = OpenApiExample(
    "Two fields",
    value={
        "facets": [
            {
                "field": "status",
                "values": [
                    {"value": "ok", "count": 940, "is_selected": False},
                    {"value": "error", "count": 31, "is_selected": True},
                ],
                "is_more": False,
            },
            {
                "field": "workflow",
                "values": [{"value": "chatHandler", "count": 31, "is_selected": False}],
                "is_more": False,
            },
        ],
        "is_partial": False,
        "covered_from": None,
    },
    response_only=True,
    status_codes=["200"],
)
HISTOGRAM = OpenApiExample(
    "Two bars",
    value={
        "start": "2026-11-20T20:00:00Z",
        "end": "2026-11-20T21:00:00Z",
        "bucket_s": 1800,
        "buckets": [
            {"at": "2026-11-20T20:00:00Z", "ok": 12, "error": 1, "running": 0},
            {"at": "2026-11-20T20:30:00Z", "ok": 9, "error": 0, "running": 2},
        ],
        "is_default_range": False,
        "is_partial": False,
        "covered_from": None,
    },
    response_only=True,
    status_codes=["200"],
)
COMPLETIONS = OpenApiExample(
    "Values of `workflow` that begin with `c`",
    value={
        "items": [
            {"text": "chatHandler", "kind": "value", "count": 31, "detail": ""},
            {"text": '"card refund"', "kind": "value", "count": 4, "detail": ""},
        ]
    },
    response_only=True,
    status_codes=["200"],
)
JUMP = OpenApiExample(
    "A session",
    value={
        "items": [
            {
                "kind": "session",
                "id": "3f0c2a52",
                "label": "Session of chatHandler",
                "url": "/o/acme/p/support-desk/traces/?q=session%3A3f0c2a52",
            }
        ],
        "is_partial": False,
    },
    response_only=True,
    status_codes=["200"],
)
TRACE_IDS = OpenApiExample("Two traces", value={"trace_ids": [_TRACE["trace_id"], "gone"]}, request_only=True)
DELETED = OpenApiExample(
    "One of two deleted",
    value={
        "items": [
            {"trace_id": _TRACE["trace_id"], "result": "deleted"},
            {"trace_id": "gone", "result": "not_found"},
        ],
        "done": 1,
    },
    response_only=True,
    status_codes=["200"],
)
RESTORED = OpenApiExample(
    "One of two restored",
    value={
        "items": [
            {"trace_id": _TRACE["trace_id"], "result": "restored"},
            {"trace_id": "gone", "result": "not_found"},
        ],
        "done": 1,
    },
    response_only=True,
    status_codes=["200"],
)
EVENTS = OpenApiExample(
    "The last page",
    value={"items": [_EVENT], "next_cursor": None, "since": "4"},
    response_only=True,
    status_codes=["200"],
)
WRONG_PARAMETER = OpenApiExample(
    "A parameter that cannot be used",
    value={
        "code": "invalid",
        "detail": "limit: Ensure this value is less than or equal to 500.",
        "fields": {"limit": ["Ensure this value is less than or equal to 500."]},
    },
)
NO_KEY = OpenApiExample(
    "A key that was revoked",
    value={"code": "invalid_api_key", "detail": "The API key is unknown, expired or revoked."},
)
NO_SCOPE = OpenApiExample(
    "A key without the scope", value={"code": "denied", "detail": "The API key lacks the scope `read`."}
)
NOT_THERE = OpenApiExample("A trace that is not there", value={"code": "not_found", "detail": "No such trace."})
