"""Reading all traces that match, as far back as the time allows: what facets and bars are counted from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from observability.models import Trace
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.paging import Position, is_before
from observability.selectors.trace_days import CountedDay, Stretch, list_stretches
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.traces import find_window_end, is_from, select_traces

Traces = QuerySet[Trace]


class DayForgottenError(Exception):
    """What was remembered of a day was forgotten since the read began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How far back a read has looked: to the end, or in part down to `since` (None: at nothing)."""

    is_partial: bool
    since: datetime | None = None


@dataclass(slots=True)
class Window:
    """What one statement is to count: rows of some stretches of time, and days whose counts are remembered."""

    rows: list[Traces] = field(default_factory=list)
    days: list[CountedDay] = field(default_factory=list)
    is_everything: bool = False


def read_windows(
    project_id: int,
    filters: TraceFilters,
    *,
    budget: Budget,
    read: Callable[[Window], None],
    days: Sequence[CountedDay] = (),
) -> Coverage:
    """Hand `read` the matches window by window, newest first, until all were read or the time is up.

    Windows are counted in rows along an index (`keep_walkable`) and grow while they are quick. `days` are not looked
    through, but handed on where their time has come. `read` runs one statement on what it is given; what it does after
    the statement happens for whole windows alone.
    """
    stretches = list_stretches(filters, days)
    position: Position | None = None
    covered: datetime | None = None
    while stretches:
        try:
            with budget.spend():
                window, left, position = _fill(project_id, filters, stretches, position, budget.window)
                window.is_everything = covered is None and not left
                read(window)
        except OutOfTimeError:
            return Coverage(is_partial=True, since=covered)
        covered = position.at if position else stretches[len(stretches) - len(left) - 1].begins_at
        stretches = left
    return Coverage(is_partial=False)


def _fill(
    project_id: int, filters: TraceFilters, stretches: list[Stretch], position: Position | None, size: int
) -> tuple[Window, list[Stretch], Position | None]:
    """Return a window, the stretches that are left, and how far the first of those was read."""
    window = Window()
    for place, stretch in enumerate(stretches):
        if not stretch.is_empty:
            narrowed = stretch.narrow(filters)
            end = find_window_end(project_id, narrowed, position, size)
            rows = select_traces(project_id, narrowed, since=end.at if end else None)
            rows = rows.filter(is_before(position, time="started_at", key="trace_id"))
            window.rows.append(rows if end is None else rows.filter(is_from(end)))
            if end is not None:
                return window, stretches[place:], end
            position = None
        elif window.days:
            # More days than one statement takes.
            return window, stretches[place:], None
        window.days += stretch.days
    return window, [], None
