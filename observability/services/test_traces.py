"""A small trace that the product sends itself, the way an instrumented application's would come.

It is an OTLP request like any other: decoded by the door's own decoder, redacted, priced and stored by the writer.
Only the key and the network are left out.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from asgiref.sync import async_to_sync

from observability.ingest.otlp import decode_traces
from observability.ingest.writer import Writer, WriterBusyError

DOOR = "test"
WORKFLOW = "playhead test trace"
_JSON = "application/json"


def send_test_trace(*, project_id: int) -> str:
    """Send it and return its trace id once it is committed. Raises `WriterBusyError` when it cannot be stored now."""
    trace_id = secrets.token_hex(16)
    result = async_to_sync(_write)(project_id, json.dumps(make_request(trace_id, time.time_ns())).encode())
    if result:
        raise WriterBusyError(result)
    return trace_id


async def _write(project_id: int, body: bytes) -> str:
    """Store the request through a writer of this loop, which a synchronous caller's ends with the call."""
    writer = Writer()
    try:
        stored = await writer.write(project_id=project_id, decoded=decode_traces(body, _JSON), door=DOOR)
    finally:
        await writer.close()
    return stored.rejected[0].reason if stored.rejected else ""


def make_request(trace_id: str, now_ns: int) -> dict[str, Any]:
    """Return an OTLP request of an agent that calls a model and a tool, ended now."""
    agent, call, tool = (secrets.token_hex(8) for _ in range(3))
    start = now_ns - 1_240_000_000
    spans = [
        _make_span(trace_id, agent, "", WORKFLOW, start, 1_240, {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "test agent",
            "input.value": "Does everything work?",
            "output.value": "Yes: this trace came through the same decoder and writer as yours will.",
        }),
        _make_span(trace_id, call, agent, "chat gpt-4o-mini", start + 40_000_000, 820, {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": 24,
            "gen_ai.usage.output_tokens": 17,
            "gen_ai.input.messages": _message("user", "Does everything work?"),
            "gen_ai.output.messages": _message("assistant", "Let me look."),
        }),
        _make_span(trace_id, tool, agent, "look_around", start + 900_000_000, 310, {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "look_around",
            "gen_ai.tool.call.arguments": '{"where": "everywhere"}',
            "gen_ai.tool.call.result": '{"all": "well"}',
        }),
    ]  # fmt: skip
    resource = {"attributes": _make_attributes({"service.name": "playhead"})}
    scope = {"name": "playhead.test_trace"}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}


def _message(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def _make_span(
    trace_id: str, span_id: str, parent: str, name: str, start_ns: int, lasts_ms: int, attributes: dict[str, Any]
) -> dict[str, Any]:
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + lasts_ms * 1_000_000),
        "attributes": _make_attributes(attributes),
        "status": {"code": 1},
    }


def _make_attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
    ]
