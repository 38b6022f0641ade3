"""Made-up records for tests of the writer and of what stands on it."""

from __future__ import annotations

import time
from typing import Any

from observability.ingest.records import Decoded, EventRecord, LogRecord

NOW_US = time.time_ns() // 1000 // 1_000_000 * 1_000_000
"""The second in which the tests started."""


def make_event(**fields: Any) -> EventRecord:
    """Return an ended tool event of one second, with any field replaced."""
    given: dict[str, Any] = {
        "trace_id": "trace-1",
        "span_id": "span-1",
        "started_at_us": NOW_US,
        "ended_at_us": NOW_US + 1_000_000,
        "kind": "tool",
        "name": "lookup_order",
        "status": "ok",
        "source": "otlp",
        "parent_span_id": "",
    }
    return EventRecord(**(given | fields))


def make_log(**fields: Any) -> LogRecord:
    """Return one line on stdout, with any field replaced."""
    given: dict[str, Any] = {
        "trace_id": "trace-1",
        "logged_at_us": NOW_US,
        "stream": "stdout",
        "level": "info",
        "message": "a line",
    }
    return LogRecord(**(given | fields))


def make_decoded(*records: EventRecord | LogRecord) -> Decoded:
    """Return what a door would have decoded."""
    return Decoded(
        events=tuple(record for record in records if isinstance(record, EventRecord)),
        logs=tuple(record for record in records if isinstance(record, LogRecord)),
    )
