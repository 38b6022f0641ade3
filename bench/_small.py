"""Many small clients: requests of one event each, of traces of their own, over eight connections.

Beside them, batches of fifty as the ElasticDash client sends them, through its own door.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench._load import Door, share_out
from bench._product import Product
from bench._rounds import Requests, Target, aim_at_product
from bench.traces import MILLISECOND, TraceMaker, encode_request

CLIENTS = 8
_BATCH = 50
"""What the client gathers before it sends."""


def make_single_requests(traces: int, *, seed: int) -> Requests:
    """Return requests of one event, so ordered that each of `CLIENTS` connections sends whole traces of its own."""
    clients = [TraceMaker(seed=seed * CLIENTS + number) for number in range(CLIENTS)]
    bodies = [
        [encode_request([span]) for _ in range(max(1, traces // CLIENTS)) for span in maker.make_trace()]
        for maker in clients
    ]
    return [(body, 1) for body in share_out(bodies)]


def aim_at_sdk_door(product: Product) -> Target:
    """Return the door of the ElasticDash client as a target."""
    otlp = aim_at_product(product)
    return Target(
        name="sdk",
        door=Door(
            f"{product.url}/api/observability/events",
            {"api-key": product.api_key, "Content-Type": "application/json"},
        ),
        database_url=otlp.database_url,
        count=otlp.count,
        watched=product,
    )


def make_sdk_requests(traces: int, *, clients: int, seed: int) -> Requests:
    """Return batches of as many clients, each a session, so ordered that each has a connection of its own."""
    per_client = [
        list(_make_batches(max(1, traces // clients), seed=seed * clients + number)) for number in range(clients)
    ]
    return [(body, len(json.loads(body)["events"])) for body in share_out(per_client)]


def _make_batches(traces: int, *, seed: int) -> Iterator[bytes]:
    maker, chance = TraceMaker(seed=seed), random.Random(seed)
    session, numbers = f"session_{chance.randbytes(8).hex()}", itertools.count(1)
    events = (event for _ in range(traces) for event in _make_events(maker.make_trace(), chance))
    numbered = ({"id": number, **event} for number, event in zip(numbers, events, strict=False))
    while batch := list(itertools.islice(numbered, _BATCH)):
        yield json.dumps({"sessionId": session, "events": batch, "metadata": {"branch": "main"}}).encode()


def _make_events(spans: list[Span], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield a trace's events as the client records them: that the workflow began, then every step as it ends."""
    *steps, root = spans
    began_ms = root.start_time_unix_nano // MILLISECOND
    trace_id = f"{root.name}::{began_ms}::{chance.randbytes(4).hex()}"
    yield _make_event("workflow", root, trace_id, name=root.name, given=None, output=None, duration_ms=0)
    for span in steps:
        found = {attribute.key: attribute.value for attribute in span.attributes}
        if "llm.model_name" in found:
            yield _make_model_call(span, found, trace_id)
        elif "tool.name" in found:
            given, output = (json.loads(found[f"{side}.value"].string_value) for side in ("input", "output"))
            yield _make_event("tool", span, trace_id, name=span.name, given=given, output=output)
        elif "url.full" in found:
            url = found["url.full"].string_value
            given = {"method": "GET", "url": url}
            yield _make_event("http", span, trace_id, name=url, given=given, output={"status": 200})
        else:
            given = found["db.query.text"].string_value
            yield _make_event("db", span, trace_id, name="psycopg2.execute", given=given, output="[3 rows]")


def _make_model_call(span: Span, found: dict[str, Any], trace_id: str) -> dict[str, Any]:
    model = found["llm.model_name"].string_value
    messages = [
        {
            "role": found[f"llm.input_messages.{place}.message.role"].string_value,
            "content": found[f"llm.input_messages.{place}.message.content"].string_value,
        }
        for place in range(4)
    ]
    given = {
        "messages": messages,
        "provider": found["llm.provider"].string_value,
        "model": model,
        "llmRequest": {"model": model},
    }
    output = found["llm.output_messages.0.message.content"].string_value
    counts = {
        f"{name}Tokens": found[f"llm.token_count.{key}"].int_value
        for name, key in (("input", "prompt"), ("output", "completion"), ("total", "total"))
    }
    return _make_event("ai", span, trace_id, name=model, given=given, output=output) | {"usage": counts}


def _make_event(
    kind: str, span: Span, trace_id: str, *, name: str, given: Any, output: Any, duration_ms: int | None = None
) -> dict[str, Any]:
    """Return an event without its number. The client names no trace for http and db."""
    taken_ms = (span.end_time_unix_nano - span.start_time_unix_nano) // MILLISECOND
    # A model call is stamped when its answer is there, everything else when it begins.
    at = span.end_time_unix_nano if kind == "ai" else span.start_time_unix_nano
    event = {
        "type": kind,
        "name": name,
        "input": given,
        "output": output,
        "timestamp": at // MILLISECOND,
        "durationMs": taken_ms if duration_ms is None else duration_ms,
    }
    return event if kind in ("http", "db") else event | {"traceId": trace_id}
