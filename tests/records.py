"""Short ways to make records and to store them through the real writer."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import async_to_sync

from observability.ingest.records import Decoded, EventRecord, LogRecord, WriteResult
from observability.ingest.writer import Writer
from tests.servers import BEGAN

START = datetime.fromisoformat(os.environ[BEGAN]) - timedelta(hours=1)
"""When the traces of a test begin, unless it says otherwise: near enough to lie in the partition of its day."""

START_US = round(START.timestamp() * 1_000_000)


def at(seconds: float) -> datetime:
    """Return the moment some seconds after `START`."""
    return START + timedelta(seconds=seconds)


def at_us(seconds: float) -> int:
    """Return the moment some seconds after `START`, in microseconds since 1970."""
    return START_US + round(seconds * 1_000_000)


def make_event(
    trace_id: str = "trace-1", span_id: str = "root", *, at: float = 0, lasts: float | None = 1, **fields: Any
) -> EventRecord:
    """Return an event that starts `at` seconds after `START`, running without `lasts`.

    A workflow named `chat` and a root, unless it names a parent; then a tool. Any field may be given instead.
    """
    given = {
        "kind": "tool" if fields.get("parent_span_id") else "workflow",
        "name": "chat",
        "status": "running" if lasts is None else "ok",
        "source": "otlp",
        "parent_span_id": "",
        "started_at_us": at_us(at),
        "ended_at_us": None if lasts is None else at_us(at + lasts),
        **fields,
    }
    return EventRecord(trace_id=trace_id, span_id=span_id, **given)


def make_log(trace_id: str = "trace-1", message: str = "a line", *, at: float = 0, **fields: Any) -> LogRecord:
    """Return a log record `at` seconds after `START`; any field may be given instead."""
    given = {"stream": "stdout", "level": "info", "logged_at_us": at_us(at), **fields}
    return LogRecord(trace_id=trace_id, message=message, **given)


def make_decoded(*records: EventRecord | LogRecord) -> Decoded:
    """Return what a door would have decoded."""
    return Decoded(
        events=tuple(record for record in records if isinstance(record, EventRecord)),
        logs=tuple(record for record in records if isinstance(record, LogRecord)),
    )


def write(project_id: int, *records: EventRecord | LogRecord) -> WriteResult:
    """Store the records as one request. For tests with the fixture `store`: the writer commits on its own."""
    return async_to_sync(_write)(project_id, make_decoded(*records))


async def _write(project_id: int, decoded: Decoded) -> WriteResult:
    writer = Writer()
    try:
        return await writer.write(project_id=project_id, decoded=decoded, door="test")
    finally:
        await writer.close()
