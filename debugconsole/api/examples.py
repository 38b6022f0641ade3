"""Examples in the OpenAPI document. `tests/api/test_schema.py` holds them against their schemas."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

_ID = "7d0e6a52-0b7e-4a3e-9d55-0f3b7f0d9a11"
_EXTENSION: dict[str, Any] = {
    "id": 4,
    "extension_id": "orders",
    "name": "Orders",
    "project": {"id": 2, "name": "Support desk", "slug": "support-desk", "organization": "acme"},
    "capabilities": ["cap:log.emit", "cap:debug.logs"],
    "is_enabled": True,
    "created_at": "2026-11-20T20:04:37.943000Z",
}
_SESSION: dict[str, Any] = {
    "id": _ID,
    "extension": _EXTENSION,
    "install": "",
    "request": "",
    "filter": "level>=warn",
    "tail": 200,
    "transport": "ws",
    "reason": "orders time out since noon",
    "paused": False,
    "sample": 1.0,
    "is_open": True,
    "created_at": "2026-11-20T20:04:37.943000Z",
    "opened_at": None,
    "expires_at": "2026-11-20T20:14:37.943000Z",
    "hard_expires_at": "2026-11-20T20:34:37.943000Z",
    "ended_at": None,
    "end_reason": None,
    "limits": {
        "lines_per_second": 500,
        "bytes_per_second": 1048576,
        "severe_per_second": 100,
        "queue_lines": 2000,
        "queue_bytes": 4194304,
    },
    "policy": {
        "rule": "3.1",
        "is_allowed": True,
        "code": "allowed",
        "reason": "A rule for tenant Acme allows it.",
        "grant_id": None,
    },
    "allows_export": False,
    "redaction_profile": "standard",
    "counts": {
        "produced": 0,
        "delivered": 0,
        "filtered": 0,
        "dropped": {},
        "lost": 0,
        "redacted": 0,
        "bytes": 0,
        "resumes": 0,
    },
    "ws_url": f"/ws/debug/sessions/{_ID}",
    "sse_url": f"/api/debug/sessions/{_ID}/events",
    "poll_url": f"/api/debug/sessions/{_ID}/poll",
    "export_url": f"/api/debug/sessions/{_ID}/export",
}


def _answer(name: str, value: Any, *, status: str = "200") -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[status])


EXTENSIONS = _answer("One extension", {"items": [_EXTENSION], "is_complete": True})
SESSION_BODY = OpenApiExample(
    "Warnings and errors of an extension",
    value={"extension": "orders", "filter": "level>=warn", "reason": "orders time out since noon"},
    request_only=True,
)
NEW_SESSION = _answer("An open session", _SESSION | {"ticket": "Zk3vHq1m0u3cYx8Rw2n5Tt7LpQaBdE9f"}, status="201")
SESSION = _answer("An open session", _SESSION)
SESSION_CHANGE = OpenApiExample("Only errors, for now", value={"filter": "level:error"}, request_only=True)
TICKET = _answer("A ticket", {"ticket": "Zk3vHq1m0u3cYx8Rw2n5Tt7LpQaBdE9f", "expires_in": 30})
DECISION = _answer(
    "Another person must approve it",
    {
        "is_allowed": False,
        "code": "approval_required",
        "reason": "Another person must approve it: ask for a grant.",
        "rule": "3.1",
        "considered": [{"rule": "3.1", "place": "tenant Acme", "effect": "approval", "decided": True}],
        "limits": {
            "ttl_minutes": 10,
            "hard_ttl_minutes": 30,
            "max_viewers": 10,
            "lines_per_second": 500,
            "allows_export": False,
            "redaction_profile": "standard",
        },
        "grant_id": None,
    },
)
_GRANT: dict[str, Any] = {
    "id": 12,
    "extension": _EXTENSION,
    "install": "",
    "reason": "orders time out since noon",
    "ticket": "OPS-4711",
    "state": "active",
    "may_decide": False,
    "may_revoke": True,
    "requested_by": {"id": 7, "name": "Tom", "email": "tom@example.com"},
    "requested_at": "2026-11-20T20:04:37.943000Z",
    "not_before": "2026-11-20T20:06:00Z",
    "expires_at": "2026-11-20T21:06:00Z",
    "decided_by": {"id": 1, "name": "Olive", "email": "olive@example.com"},
    "decided_at": "2026-11-20T20:06:00Z",
    "revoked_by": None,
    "revoked_at": None,
}
_ASKED = _GRANT | {"state": "requested", "decided_by": None, "decided_at": None}
GRANT = _answer("A grant that holds", _GRANT)
GRANT_CREATED = _answer("A grant that waits", _ASKED, status="201")
GRANTS = _answer("One grant", {"items": [_GRANT]})
GRANT_BODY = OpenApiExample(
    "An hour",
    value={"extension": "orders", "reason": "orders time out since noon", "minutes": 60, "ticket": "OPS-4711"},
    request_only=True,
)
DECIDED = OpenApiExample("A refused grant", value={"code": "decided", "detail": "grant: it is refused already"})
VIEWER_LIMIT = OpenApiExample(
    "Too many viewers", value={"code": "viewer_limit", "detail": "10 people watch this extension, which is the limit."}
)
TOO_OFTEN = OpenApiExample(
    "Asked for too often",
    value={"code": "rate_limited", "detail": "At most 10 sessions a minute: wait a little."},
)
ENDED = OpenApiExample("An ended session", value={"code": "ended", "detail": "The session is over."})
APPROVAL_REQUIRED = OpenApiExample(
    "It takes a grant",
    value={"code": "approval_required", "detail": "Another person must approve it: ask for a grant."},
)
AUDIT_UNAVAILABLE = OpenApiExample(
    "The audit cannot be written",
    value={
        "code": "audit_unavailable",
        "detail": "This could not be written to the audit, so it was not done.",
    },
)
