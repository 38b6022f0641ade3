"""Reading all traces that match, as far back as the time allows: what facets and bars are counted from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from observability.models import Trace
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.paging import Position, is_before
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.traces import find_window_end, is_from, select_traces

Traces = QuerySet[Trace]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How far back a read has looked: to the end, or in part down to `since` (None: at nothing)."""

    is_partial: bool
    since: datetime | None = None


def read_windows(project_id: int, filters: TraceFilters, *, budget: Budget, read: Callable[[Traces], None]) -> Coverage:
    """Hand `read` the matches window by window, newest first, until all were read or the time is up.

    Windows are counted in rows along an index (`keep_walkable`) and grow while they are quick. `read` runs one
    statement on what it is given; what it does after the statement happens for whole windows alone.
    """
    position: Position | None = None
    while True:
        try:
            with budget.spend():
                end = find_window_end(project_id, filters, position, budget.window)
                rows = select_traces(project_id, filters, since=end.at if end else None)
                rows = rows.filter(is_before(position, time="started_at", key="trace_id"))
                read(rows if end is None else rows.filter(is_from(end)))
        except OutOfTimeError:
            return Coverage(is_partial=True, since=position.at if position else None)
        if end is None:
            return Coverage(is_partial=False)
        position = end


def read_grouped(rows: QuerySet[Trace, Any], statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    """Run a statement over the rows as `matches`: what groups them is beyond the ORM, what they are is not.

    `statement` is a constant with `{matches}` where the rows go; its own parameters come after theirs.
    """
    try:
        sql, given = rows.query.sql_with_params()
    except EmptyResultSet:
        # A comparison that no number of the column's size can fulfil.
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement.format(matches=sql), [*given, *parameters])
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
