"""OTLP log records to log records of a trace.

`message` is the body's text, or the body as JSON text if it is structured; a structured body is also kept in
`fields.body`. A text longer than the column holds is kept whole in `fields.body`. The name of an event is its type.
"""

from __future__ import annotations

from observability.ingest.otlp.wire import NANOS_PER_MICRO, RawLog, check_start
from observability.ingest.records import LogRecord
from observability.ingest.text import MESSAGE_LIMIT, clean_message, clean_name, clean_value, encode_json

LEVELS = {"trace": "debug", "debug": "debug", "info": "info", "notice": "info", "warn": "warn", "warning": "warn"}
ERROR_LEVELS = frozenset({"error", "fatal", "critical", "alert", "emergency", "panic"})


def read_log(raw: RawLog) -> LogRecord:
    """Return an OTLP log record as ours. Raises `ItemError` for one without a usable time."""
    check_start("time_unix_nano", raw.time_ns)
    fields = {"body": raw.body, **raw.attributes} if _is_body_kept(raw.body) else raw.attributes
    event_name = raw.event_name or raw.attributes.get("event.name")
    return LogRecord(
        trace_id=raw.trace_id,
        span_id=raw.span_id or None,
        logged_at_us=raw.time_ns // NANOS_PER_MICRO,
        stream="log",
        level=_read_level(raw),
        message=_read_message(raw.body) or clean_name(event_name) or "",
        type=clean_name(event_name),
        fields=encode_json(clean_value(fields)) if fields else None,
        resource=raw.scope.record,
    )


def _is_body_kept(body: object) -> bool:
    return isinstance(body, (dict, list)) or (isinstance(body, str) and len(body) > MESSAGE_LIMIT)


def _read_message(body: object) -> str | None:
    if body is None or isinstance(body, str):
        return clean_message(body)
    return clean_message(encode_json(clean_value(body)).decode())


def _read_level(raw: RawLog) -> str:
    """Return our level from the severity number, or from its text for senders that set only that."""
    number = raw.severity_number
    if number >= 17:
        return "error"
    if number >= 13:
        return "warn"
    if number >= 9:
        return "info"
    if number >= 1:
        return "debug"
    text = raw.severity_text.lower()
    return "error" if text in ERROR_LEVELS else LEVELS.get(text, "info")
