"""Whole OTLP requests to records: bytes in, `Decoded` out."""

from __future__ import annotations

from observability.ingest.otlp import json_body, protobuf
from observability.ingest.otlp.logs import read_log
from observability.ingest.otlp.responses import JSON, PROTOBUF, read_media_type
from observability.ingest.otlp.spans import read_event, read_points
from observability.ingest.otlp.wire import ItemError, MalformedBodyError, check_count
from observability.ingest.records import Decoded, EventRecord, LogRecord, Rejected


def decode_traces(body: bytes, content_type: str | None) -> Decoded:
    """Return the spans of an OTLP trace request as events, and their span events as log records.

    `body` is already decompressed. Bad spans are in `rejected`. Raises `MalformedBodyError` if the request as a whole
    cannot be read.
    """
    events: list[EventRecord] = []
    indexes: list[int] = []
    logs: list[LogRecord] = []
    rejected: list[Rejected] = []
    source = json_body if _read_encoding(content_type) == JSON else protobuf
    count = 0
    for item in source.iter_spans(body):
        count += 1 if isinstance(item, Rejected) else 1 + len(item.points) + len(item.links)
        check_count(count)
        if isinstance(item, Rejected):
            rejected.append(item)
            continue
        try:
            events.append(read_event(item))
        except ItemError as error:
            rejected.append(error.rejected(item.index, trace_id=item.trace_id, span_id=item.span_id))
            continue
        indexes.append(item.index)
        if item.points:
            logs.extend(read_points(item))
    return Decoded(events=tuple(events), logs=tuple(logs), rejected=tuple(rejected), event_indexes=tuple(indexes))


def decode_logs(body: bytes, content_type: str | None) -> Decoded:
    """Return the records of an OTLP logs request. Raises `MalformedBodyError` like `decode_traces`."""
    logs: list[LogRecord] = []
    rejected: list[Rejected] = []
    source = json_body if _read_encoding(content_type) == JSON else protobuf
    for count, item in enumerate(source.iter_logs(body), start=1):
        check_count(count)
        if isinstance(item, Rejected):
            rejected.append(item)
            continue
        try:
            logs.append(read_log(item))
        except ItemError as error:
            rejected.append(error.rejected(item.index, trace_id=item.trace_id, span_id=item.span_id))
    return Decoded(logs=tuple(logs), rejected=tuple(rejected))


def _read_encoding(content_type: str | None) -> str:
    encoding = read_media_type(content_type)
    if encoding is None:
        raise MalformedBodyError(f"the content type must be {PROTOBUF} or {JSON}, not {content_type or 'missing'}")
    return encoding
