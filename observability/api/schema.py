"""What the OpenAPI document says of the ingest doors: they are no Django views, so nothing finds them by itself.

Written down from `ingest/door`; `tests/api/test_schema.py` sends each example here to the real doors.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

_SDK_EVENT = {
    "type": "object",
    "description": "One step. Fields that are not named here are kept.",
    "required": ["type", "timestamp"],
    "properties": {
        "id": {"type": "integer", "description": "The session's own counter, from 1; 0 for control events."},
        "type": {"type": "string", "description": "`workflow`, `ai`, `tool`, `http`, `db` or `side_effect`."},
        "name": {"type": "string"},
        "input": {},
        "output": {},
        "timestamp": {"type": "number", "description": "Milliseconds since 1970."},
        "durationMs": {"type": "number"},
        "usage": {"type": ["object", "null"], "description": "Tokens, in camelCase or snake_case."},
        "traceId": {"type": "string", "description": "`<workflow>::<milliseconds>::<short id>`, or any text."},
    },
}
_SDK_BATCH = {
    "type": "object",
    "required": ["sessionId", "events"],
    "properties": {
        "sessionId": {"type": "string"},
        "events": {"type": "array", "items": {"$ref": "#/components/schemas/SdkEvent"}},
        "metadata": {"type": "object", "description": "Kept with the session and its events, such as `branch`."},
        "runId": {
            "type": "string",
            "maxLength": 100,
            "description": "Of a rerun: the id of its run config. What has one, here or in an event, is no production.",
        },
    },
}
_SDK_RESULT = {
    "type": "object",
    "description": "What became of each event. All of it is committed and can be read when this is sent.",
    "required": ["success", "accepted", "duplicates", "rejected"],
    "properties": {
        "success": {"type": "boolean", "description": "The request was dealt with; sending it again changes nothing."},
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "reason"],
                "properties": {"index": {"type": "integer"}, "reason": {"type": "string"}},
            },
        },
    },
}
_SDK_REFUSAL = {
    "type": "object",
    "required": ["success", "code", "detail"],
    "properties": {
        "success": {"type": "boolean", "const": False},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
}
_OTLP_STATUS = {
    "type": "object",
    "description": "`google.rpc.Status`.",
    "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
}
_OTLP_RESULT = {
    "type": "object",
    "properties": {
        "partialSuccess": {
            "type": "object",
            "description": "There when items were rejected; `errorMessage` names them.",
            "additionalProperties": True,
        }
    },
}
SDK_EXAMPLE = {
    "sessionId": "3f0c2a52-7f4e-4a9e-8d55-0f3b7f0d9a11",
    "metadata": {"branch": "main"},
    "events": [
        {
            "id": 1,
            "type": "tool",
            "name": "search_orders",
            "input": {"customer": 42},
            "output": [{"order": 7}],
            "timestamp": 1795202677943,
            "durationMs": 12.5,
            "traceId": "chatHandler::1795202677943::c1de2abc",
        }
    ],
}
TRACES_EXAMPLE = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "desk"}}]},
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5b8aa5a2d2c872e8321cf37308d69df2",
                            "spanId": "051581bf3cb55c13",
                            "name": "answer",
                            "kind": 1,
                            "startTimeUnixNano": "1795202677943000000",
                            "endTimeUnixNano": "1795202678200000000",
                        }
                    ]
                }
            ],
        }
    ]
}
LOGS_EXAMPLE = {
    "resourceLogs": [
        {
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "timeUnixNano": "1795202677950000000",
                            "severityText": "INFO",
                            "body": {"stringValue": "looking up the order"},
                            "traceId": "5b8aa5a2d2c872e8321cf37308d69df2",
                            "spanId": "051581bf3cb55c13",
                        }
                    ]
                }
            ]
        }
    ]
}


def add_ingest_doors(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add the doors' paths and schemas to the document. A postprocessing hook of drf-spectacular."""
    result["components"].setdefault("schemas", {}).update(
        SdkEvent=_SDK_EVENT, SdkBatch=_SDK_BATCH, SdkResult=_SDK_RESULT, SdkRefusal=_SDK_REFUSAL
    )
    result["paths"].update(
        {
            "/api/observability/events": {"post": _describe_sdk()},
            "/v1/traces": {"post": _describe_otlp("traces", "spans", TRACES_EXAMPLE)},
            "/v1/logs": {"post": _describe_otlp("logs", "log records", LOGS_EXAMPLE)},
            "/v1/metrics": {"post": _describe_otlp("metrics", "metrics, which are accepted and not stored", {})},
            "/api/public/otel/v1/traces": {
                "post": _describe_otlp("traces_alias", "spans, as `/v1/traces`", TRACES_EXAMPLE)
            },
        }
    )
    return result


def _describe_sdk() -> dict[str, Any]:
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/SdkRefusal"}}}
    return {
        "operationId": "ingest_sdk_events",
        "tags": ["ingest"],
        "summary": "Send a batch of an SDK session",
        "description": (
            "Takes the batches of the ElasticDash SDKs. One bad event never fails a batch: it is listed in `rejected`. "
            "Sending the same again is counted in `duplicates` and changes nothing."
        ),
        "security": [{"apiKey": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/SdkBatch"}, "example": SDK_EXAMPLE}
            },
        },
        "responses": {
            "202": {
                "description": "Committed.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SdkResult"}}},
            },
            **_describe_refusals(refusal),
        },
    }


def _describe_otlp(name: str, items: str, example: dict[str, Any]) -> dict[str, Any]:
    refusal = {"application/json": {"schema": _OTLP_STATUS}, "application/x-protobuf": {}}
    return {
        "operationId": f"ingest_otlp_{name}",
        "tags": ["ingest"],
        "summary": f"Send {items}",
        "description": "OTLP/HTTP in protobuf or JSON; the answer is in the encoding of the request.",
        "security": [{"apiKey": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": example},
                "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {
            "200": {
                "description": "Committed, but for what `partialSuccess` names.",
                "content": {"application/json": {"schema": _OTLP_RESULT}, "application/x-protobuf": {}},
            },
            "400": {"description": "The body is not OTLP.", "content": refusal},
            **_describe_refusals(refusal),
        },
    }


def _describe_refusals(content: dict[str, Any]) -> dict[str, Any]:
    """Return what both formats refuse, in the shape of one of them."""
    wire, body = settings.INGEST_MAX_COMPRESSED_BYTES, settings.INGEST_MAX_BODY_BYTES
    retry = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return {
        "401": {"description": "No API key, or one that is unknown, expired or revoked.", "content": content},
        "403": {"description": "The API key lacks the scope `ingest`.", "content": content},
        "408": {"description": "The body did not arrive in time.", "content": content},
        "413": {
            "description": f"More than {body} bytes, or {wire} bytes compressed (gzip or deflate).",
            "content": content,
        },
        "415": {"description": "A media type or Content-Encoding that is not understood.", "content": content},
        "503": {
            "description": "Nothing was stored; send again after `Retry-After`.",
            "headers": retry,
            "content": content,
        },
    }
