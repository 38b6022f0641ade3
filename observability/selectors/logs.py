"""Reads of a trace's log records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from observability.errors import NotFoundError
from observability.ingest.payloads import read_blob_reference, unpack
from observability.models import LogEntry
from observability.selectors.paging import Position, check_numbered, is_after, make_cursor, read_cursor
from observability.selectors.shapes import LogLine, LogPage, TraceSummary, name_flags
from observability.selectors.values import WholeValue, open_value

MOST_LOGS = 5_000
_COLUMNS = (
    "id",
    "logged_at",
    "stream",
    "level",
    "message",
    "span_id",
    "type",
    "node",
    "sequence",
    "fields",
    "flags",
    "version",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilters:
    """Which log records to read; empty asks for nothing. `changed_since` is the `since` of an earlier page."""

    levels: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    span_id: str | None = None
    changed_since: int | None = None


NO_FILTERS = LogFilters()


def list_log_records(
    project_id: int,
    trace: TraceSummary,
    *,
    filters: LogFilters = NO_FILTERS,
    cursor: str | None = None,
    limit: int = 500,
) -> LogPage:
    """Return up to `limit` (at most `MOST_LOGS`) log records in time, those of one moment in the order they came.

    One query on the primary key of `log_records`, bounded by the times of the trace, which log records also move.
    Raises `InvalidError` for a cursor that no page gave.
    """
    limit = min(limit, MOST_LOGS)
    position = read_cursor(cursor)
    if position is not None:
        check_numbered(position)
    records = LogEntry.objects.filter(
        is_after(position, time="logged_at", key="id"),
        project_id=project_id,
        trace_id=trace.trace_id,
        logged_at__gte=trace.started_at,
    )
    if trace.ended_at is not None:
        records = records.filter(logged_at__lte=trace.ended_at)
    if filters.levels:
        records = records.filter(level__in=filters.levels)
    if filters.streams:
        records = records.filter(stream__in=filters.streams)
    if filters.span_id:
        records = records.filter(span_id=filters.span_id)
    if filters.changed_since is not None:
        records = records.filter(version__gt=filters.changed_since)
    found = list(records.order_by("logged_at", "id").values_list(*_COLUMNS)[: limit + 1])
    items = [_make_line(row) for row in found[:limit]]
    last = items[-1] if len(found) > limit else None
    return LogPage(
        items=items,
        next_cursor=make_cursor(Position(last.logged_at, str(last.id))) if last else None,
        since=trace.version,
    )


def open_log_fields(project_id: int, trace: TraceSummary, log_id: int) -> WholeValue:
    """Return the structured fields of one log record whole. One query on the primary key, within the trace.

    Raises `NotFoundError` when there is no such record or it has none, and `BlobMissingError`.
    """
    records = LogEntry.objects.filter(
        project_id=project_id, trace_id=trace.trace_id, logged_at__gte=trace.started_at, id=log_id
    )
    stored = records.values_list("fields", flat=True).first()
    if stored is None:
        raise NotFoundError("No such log record, or it has no fields.")
    return open_value(project_id, bytes(stored))


def _make_line(row: tuple[Any, ...]) -> LogLine:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["flags"] = name_flags(values["flags"])
    if values["fields"] is not None:
        stored = bytes(values["fields"])
        blob = read_blob_reference(stored)
        values["fields"] = None if blob else msgspec.Raw(unpack(stored))
        values["omitted_bytes"] = blob.size if blob else None
    return LogLine(**values)
