"""What the OpenAPI document says of `/api/trace-events`, which is no DRF view: it waits for the writer."""

from __future__ import annotations

from typing import Any

_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ApiError"}}}
_EXAMPLE = {
    "runId": "0b0f3d4e-6f0a-4a57-9f43-1d7f6e0f7a11",
    "event": {"id": 1, "type": "tool", "name": "search", "output": [7], "timestamp": 1795202677943, "durationMs": 12},
}


def add_run_events(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add the path to the document. A postprocessing hook of drf-spectacular."""
    result["paths"]["/api/trace-events"] = {
        "post": {
            "operationId": "run_events_create",
            "tags": ["ingest"],
            "summary": "Send an event of a rerun",
            "description": (
                "For SDKs that send a run's events one by one: `runId` is the run config's id. They become the trace "
                "of the run. Takes a key with the scope `rerun` or `ingest`; none where the project lets the run's id "
                "be enough, while the rerun is live."
            ),
            "security": [{"apiKey": []}, {}],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["runId", "event"],
                            "properties": {
                                "runId": {"type": "string"},
                                "runIndex": {"type": "integer", "description": "Of several runs, from 0."},
                                "event": {"$ref": "#/components/schemas/SdkEvent"},
                            },
                        },
                        "example": _EXAMPLE,
                    }
                },
            },
            "responses": {
                "202": {
                    "description": "Committed.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SdkResult"}}},
                },
                "400": {"description": "The body names no run.", "content": _ERROR},
                "401": {"description": "No API key, or one that is unknown, expired or revoked.", "content": _ERROR},
                "403": {"description": "The API key lacks the scope.", "content": _ERROR},
                "404": {"description": "The run is not there, or is somebody else's.", "content": _ERROR},
                "413": {"description": "More bytes than are taken.", "content": _ERROR},
                "503": {"description": "Nothing was stored; send again after `Retry-After`.", "content": _ERROR},
            },
        }
    }
    return result
