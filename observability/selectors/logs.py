"""Reads of a trace's log records: pages of them from either end, and how many there are of each sort."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db.models import Count, QuerySet

from observability.errors import InvalidError, NotFoundError
from observability.ingest.payloads import read_blob_reference, unpack
from observability.models import LogEntry
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.paging import Position, check_numbered, is_after, is_before, make_cursor, read_cursor
from observability.selectors.shapes import LogCount, LogCounts, LogLine, LogPage, TraceSummary, name_flags
from observability.selectors.values import WholeValue, open_value

MOST_LOGS = 5_000
MOST_NODES = 100
SECONDS = 5.0
"""How long records may be looked through for rare matches, or counted."""
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
    nodes: tuple[str, ...] = ()
    span_id: str | None = None
    text: str | None = None
    """What the message contains, in either case."""
    changed_since: int | None = None


NO_FILTERS = LogFilters()


def list_log_records(
    project_id: int,
    trace: TraceSummary,
    *,
    filters: LogFilters = NO_FILTERS,
    cursor: str | None = None,
    limit: int = 500,
    is_newest_first: bool = False,
) -> LogPage:
    """Return up to `limit` (at most `MOST_LOGS`) log records in time, those of one moment in the order they came.

    One query on the primary key of `log_records`, bounded by the times of the trace, which log records also move. A
    text no index serves: it is bounded by `SECONDS`. Raises `InvalidError` for a cursor that no page gave, and for a
    text that finds too little in that time.
    """
    limit = min(limit, MOST_LOGS)
    position = read_cursor(cursor)
    if position is not None:
        check_numbered(position)
    turn = is_before if is_newest_first else is_after
    records = _filter(_records_of(project_id, trace), filters).filter(turn(position, time="logged_at", key="id"))
    order = ("-logged_at", "-id") if is_newest_first else ("logged_at", "id")
    try:
        with Budget(SECONDS).spend() if filters.text else nullcontext():
            found = list(records.order_by(*order).values_list(*_COLUMNS)[: limit + 1])
    except OutOfTimeError as error:
        raise InvalidError("text: looking through so many records takes too long; narrow by level or node") from error
    items = [_make_line(row) for row in found[:limit]]
    last = items[-1] if len(found) > limit else None
    return LogPage(
        items=items,
        next_cursor=make_cursor(Position(last.logged_at, str(last.id))) if last else None,
        since=trace.version,
    )


def get_log_counts(project_id: int, trace: TraceSummary) -> LogCounts:
    """Return how many records the trace has by level, by stream and by node, the most first.

    One query on the primary key; where it takes longer than `SECONDS` the answer is partial, and empty.
    """
    rows = _records_of(project_id, trace).values_list("level", "stream", "node").annotate(count=Count("*"))
    counters: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
    try:
        with Budget(SECONDS).spend():
            for *values, count in rows:
                for counter, value in zip(counters, values, strict=True):
                    if value is not None:
                        counter[value] += count
    except OutOfTimeError:
        return LogCounts(levels=[], streams=[], nodes=[], is_partial=True)
    levels, streams, nodes = (_rank(counter) for counter in counters)
    return LogCounts(levels=levels, streams=streams, nodes=nodes[:MOST_NODES], is_partial=len(nodes) > MOST_NODES)


def _rank(counter: Counter[str]) -> list[LogCount]:
    ranked = sorted(counter.items(), key=lambda entry: (-entry[1], entry[0]))
    return [LogCount(value=value, count=count) for value, count in ranked]


def _records_of(project_id: int, trace: TraceSummary) -> QuerySet[LogEntry]:
    records = LogEntry.objects.filter(project_id=project_id, trace_id=trace.trace_id, logged_at__gte=trace.started_at)
    return records if trace.ended_at is None else records.filter(logged_at__lte=trace.ended_at)


def _filter(records: QuerySet[LogEntry], filters: LogFilters) -> QuerySet[LogEntry]:
    if filters.levels:
        records = records.filter(level__in=filters.levels)
    if filters.streams:
        records = records.filter(stream__in=filters.streams)
    if filters.nodes:
        records = records.filter(node__in=filters.nodes)
    if filters.span_id:
        records = records.filter(span_id=filters.span_id)
    if filters.text:
        records = records.filter(message__icontains=filters.text)
    if filters.changed_since is not None:
        records = records.filter(version__gt=filters.changed_since)
    return records


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
