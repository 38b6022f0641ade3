"""What the product must show for what went over the wire, written down apart from the product's own code.

Sources: contract `sdk-rerun.md` B1.1 to B1.3 and `otlp.md`.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.receiver import read_attributes

USAGE_NAMES = {
    "input_tokens": ("inputTokens", "input_tokens"),
    "output_tokens": ("outputTokens", "output_tokens"),
    "total_tokens": ("totalTokens", "total_tokens"),
}
SPAN_STATUSES = {0: "unset", 1: "ok", 2: "error"}


def parse_us(text: str) -> int:
    """Return an API time as microseconds since 1970."""
    moment = datetime.datetime.fromisoformat(text)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(microseconds=1)


def find_stored_trace(event: dict[str, Any]) -> str:
    """Return the trace an SDK event is stored under."""
    return event.get("traceId") or f"unknown-workflow::{event['sessionId']}"


def describe_sent_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return what the API must say of an event the SDK sent."""
    start_ms, end_ms = event["timestamp"], event["timestamp"] + event["durationMs"]
    if _is_intercepted_model_call(event):
        # Stamped when the answer came, unlike everything else.
        start_ms, end_ms = event["timestamp"] - event["durationMs"], event["timestamp"]
    usage = event.get("usage") or {}
    return {
        "sdk_event_id": event["id"],
        "session_id": event["sessionId"],
        "kind": event["type"],
        "name": event["name"],
        "status": find_sent_status(event),
        "started_at": start_ms * 1000,
        "ended_at": end_ms * 1000,
        "input": event["input"],
        "output": event["output"],
        "model": event["name"] if event["type"] == "ai" else None,
        **{ours: next((usage[name] for name in names if name in usage), None) for ours, names in USAGE_NAMES.items()},
    }


def _is_intercepted_model_call(event: dict[str, Any]) -> bool:
    return event["type"] == "ai" and isinstance(event["input"], dict) and "llmRequest" in event["input"]


def find_sent_status(event: dict[str, Any]) -> str:
    """Return how an SDK event ended: by its output's `error`, by an HTTP status, else well."""
    output = event["output"]
    if event["type"] == "workflow":
        return "unset"
    if event["type"] == "http":
        return "error" if output["status"] >= 400 else "ok"
    return "error" if isinstance(output, dict) and output.get("error") else "ok"


def describe_shown_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return the same facts of an event as the API shows it."""
    plain = ("sdk_event_id", "session_id", "kind", "name", "status", "model", *USAGE_NAMES)
    return {
        **{field: event.get(field) for field in plain},
        "started_at": parse_us(event["started_at"]),
        "ended_at": parse_us(event["ended_at"]),
        "input": event["input"]["value"],
        "output": event["output"]["value"],
    }


def describe_sent_span(span: Span) -> dict[str, Any]:
    """Return what the API must say of an OTLP span, whatever its dialect."""
    return {
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex(),
        "name": span.name,
        "status": SPAN_STATUSES[span.status.code],
        "started_at": span.start_time_unix_nano // 1000,
        "ended_at": span.end_time_unix_nano // 1000,
    }


def describe_shown_span(event: dict[str, Any]) -> dict[str, Any]:
    """Return the same facts of a span's event as the API shows it."""
    return {
        "span_id": event["span_id"],
        "parent_span_id": event.get("parent_span_id") or "",
        "name": event["name"],
        "status": event["status"],
        "started_at": parse_us(event["started_at"]),
        "ended_at": parse_us(event["ended_at"]),
    }


def list_sent_attributes(span: Span) -> dict[str, Any]:
    """Return a span's attributes, texts that hold JSON read as such."""
    return {key: _parse(value) for key, value in read_attributes(span).items()}


def list_shown_attributes(event: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an event as the API shows them, markers of moved values resolved."""
    shown = event["attributes"]["value"] or {}
    found: dict[str, Any] = {}
    for key, value in shown.items():
        if not isinstance(value, dict) or "$moved" not in value:
            found[key] = _parse(value)
        elif value.get("as") == "flat":
            found.update(flatten(event[value["$moved"]]["value"], prefix=key))
        else:
            found[key] = _parse(event[value["$moved"]]["value"])
    return found


def _parse(value: Any) -> Any:
    """Return JSON text as its value; NUL, which Postgres cannot hold, as its stand-in."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value.replace("\x00", "\ufffd")


def flatten(value: Any, *, prefix: str) -> dict[str, Any]:
    """Return nested lists and objects as dotted keys."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(str(index), item) for index, item in enumerate(value)]
    else:
        return {prefix: _parse(value)}
    return {key: leaf for name, item in pairs for key, leaf in flatten(item, prefix=f"{prefix}.{name}").items()}
