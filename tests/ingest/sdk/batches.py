"""Bodies of the SDK's batches for tests, and their records by event name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from observability.ingest.records import EventRecord
from observability.ingest.sdk import SdkBatch, decode_events

RECORDED = Path(__file__).parent.parent / "fixtures" / "sdk"
TIMESTAMP_MS = 1_795_219_607_030
TRACE_ID = f"chatHandler::{TIMESTAMP_MS}::c1de2abc"


def read_recorded(name: str) -> bytes:
    """Return a request body as a client sent it."""
    return (RECORDED / f"{name}.json").read_bytes()


def make_event(**fields: Any) -> dict[str, Any]:
    """Return an event as a client sends it; a field given as None is left out."""
    event = {
        "id": 1,
        "type": "tool",
        "name": "find_order",
        "input": 7,
        "output": {"order": 7},
        "timestamp": TIMESTAMP_MS,
        "durationMs": 12,
        "traceId": TRACE_ID,
        **fields,
    }
    return {key: value for key, value in event.items() if value is not None}


def make_body(*events: object, **batch: Any) -> bytes:
    """Return a batch of session `s1`; a member given as None is left out."""
    members = {"sessionId": "s1", "events": events, **batch}
    return msgspec.json.encode({key: value for key, value in members.items() if value is not None})


def decode_one(**fields: Any) -> EventRecord:
    """Return the record of one event."""
    batch = decode_events(make_body(make_event(**fields)))
    assert batch.decoded.rejected == ()
    return batch.decoded.events[0]


def reject_one(**fields: Any) -> str:
    """Return why an event was rejected."""
    batch = decode_events(make_body(make_event(**fields)))
    assert batch.decoded.events == ()
    return batch.decoded.rejected[0].reason


def by_id(batch: SdkBatch) -> dict[int | None, EventRecord]:
    """Return a batch's events by the client's counter; of equal ones (side effects count apart) the first."""
    return {event.sdk_event_id: event for event in reversed(batch.decoded.events)}
