"""What the OpenAPI document says of `/api/debug/ingest`, which is no Django view: it bounds a body while it streams."""

from __future__ import annotations

from typing import Any

from debugconsole.door import LIMITS, LINES_PER_SECOND, PATH
from debugconsole.wire.entries import FIELDS_BYTES, ID_LIMIT, MESSAGE_BYTES
from debugconsole.wire.lines import LEVELS, STREAMS
from debugconsole.wire.posted import MOST_EVENTS

_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ApiError"}}}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_ID = {"type": "string", "maxLength": ID_LIMIT}
_SHARED = {
    "extension": {**_ID, "description": "As it is registered in the key's project. Required, here or outside."},
    "install": _ID,
    "request": _ID,
    "version": _ID,
    "trace": {**_ID, "description": "A trace's id: the console links to it."},
    "pod": {**_ID, "description": "The machine."},
    "boot": {**_ID, "description": "The start of the process."},
}
_LINE = {
    "type": "object",
    "description": "One line. Names may also be those of an event: `requestId`, `installId`.",
    "required": ["message"],
    "properties": {
        "message": {"type": "string", "description": f"Cut at {MESSAGE_BYTES} bytes, which is said."},
        "ts": {
            "type": ["integer", "number", "string"],
            "description": "Milliseconds or seconds since 1970, or ISO 8601; now if absent.",
        },
        "level": {"type": "string", "enum": list(LEVELS), "default": "info"},
        "stream": {"type": "string", "enum": list(STREAMS), "default": "log"},
        "seq": {"type": "integer", "description": "The process's own counter."},
        "fields": {"type": "object", "description": f"Anything structured, at most {FIELDS_BYTES} bytes of JSON."},
        **_SHARED,
    },
}
_BODY = {
    "type": "object",
    "description": "What stands outside `events` holds for each of them. A list of lines alone is taken, too.",
    "required": ["events"],
    "properties": {"events": {"type": "array", "maxItems": MOST_EVENTS, "items": _LINE}, **_SHARED},
}
_RESULT = {
    "type": "object",
    "required": ["accepted", "rejected"],
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "code", "reason"],
                "properties": {
                    "index": {"type": "integer"},
                    "code": {"type": "string"},
                    "reason": {"type": "string"},
                },
            },
        },
    },
}
EXAMPLE: dict[str, Any] = {
    "extension": "orders",
    "pod": "runner-7",
    "events": [
        {"ts": 1795202677943, "level": "warn", "message": "the queue is slow", "requestId": "3f0c2a52"},
        {
            "level": "error",
            "stream": "stderr",
            "message": "timed out",
            "fields": {"queue": "orders", "waited_ms": 5000},
        },
    ],
}


def add_debug_door(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add the path to the document. A postprocessing hook of drf-spectacular."""
    result["paths"][PATH] = {
        "post": {
            "operationId": "debug_lines_create",
            "tags": ["ingest"],
            "summary": "Send debug lines",
            "description": (
                "For producers that have no Redis. Takes a key with the scope `debug`, also as `x-runner-auth`; the "
                "tenant is the key's, whatever a line says. A line that cannot be read, or whose extension its project "
                "has not registered, is rejected beside the others."
            ),
            "security": [{"apiKey": []}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": _BODY, "example": EXAMPLE}}},
            "responses": {
                "202": {
                    "description": "Published, but for what `rejected` names.",
                    "content": {"application/json": {"schema": _RESULT}},
                },
                "400": {"description": "The body is no list of lines.", "content": _ERROR},
                "401": {"description": "No API key, or one that is unknown, expired or revoked.", "content": _ERROR},
                "403": {"description": "The API key lacks the scope `debug`.", "content": _ERROR},
                "408": {"description": "The body did not arrive in time.", "content": _ERROR},
                "413": {
                    "description": f"More than {LIMITS.body_bytes} bytes, or {LIMITS.wire_bytes} bytes compressed.",
                    "content": _ERROR,
                },
                "415": {"description": "A Content-Encoding that is not understood.", "content": _ERROR},
                "429": {
                    "description": f"More than {LINES_PER_SECOND} lines a second with one key.",
                    "headers": _RETRY,
                    "content": _ERROR,
                },
                "503": {
                    "description": "Nothing was published; send again after `Retry-After`.",
                    "headers": _RETRY,
                    "content": _ERROR,
                },
            },
        }
    }
    return result
