"""How many traces started when, by status: the bars over the trace list."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from django.utils import timezone
from msgspec import Meta

from observability.query.nodes import Term
from observability.query.values import Ago, Moment, resolve_time
from observability.selectors import budget as budgets
from observability.selectors.budget import Budget
from observability.selectors.paging import EPOCH
from observability.selectors.rows import Sql, join, run, spell_condition, spell_rows
from observability.selectors.shapes import Time
from observability.selectors.trace_days import CountedDay, list_counted_days
from observability.selectors.trace_filters import (
    NO_FILTERS,
    TraceFilters,
    build_query_conditions,
    list_asked_fields,
)
from observability.selectors.traces import get_newest_start, get_oldest_start, resolve_rare_text
from observability.selectors.windows import Coverage, DayForgottenError, Window, read_windows

BUDGET_SECONDS = 0.5
MOST_BUCKETS = 200
_DEFAULT_RANGE = timedelta(hours=24)
# Widths that people read as times of day, in seconds; wider ones are whole numbers of days.
_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_DAY_S = 86_400
# Bars begin at whole multiples of their width since 1970, which is what `date_bin` counts from here; dividing the
# number of seconds would take four times as long, because that is a numeric.
_SCANNED = """
SELECT date_bin(%s, started_at, %s), status, count(*) FROM ({rows}) AS matches (started_at, status) GROUP BY 1, 2
"""
# Of past days hours are remembered (`trace_days.py`), which lie in one bar each where a bar is some hours wide. The
# condition is on `traces`.
_REMEMBERED = """
SELECT date_bin(%s, traces.hour, %s), traces.status, sum(traces.counted)::bigint
FROM trace_days AS d CROSS JOIN LATERAL unnest(d.hours, d.hour_statuses, d.hour_traces)
    AS traces (hour, status, counted)
WHERE d.project_id = %s AND d.day = ANY(%s) AND {condition} GROUP BY 1, 2
UNION ALL
SELECT NULL, '', count(*) FROM trace_days WHERE project_id = %s AND day = ANY(%s) AND hours IS NOT NULL
"""
_HOUR_S = 3_600


class HistogramBucket(msgspec.Struct, frozen=True, kw_only=True):
    """One bar: the traces that started from `at` on, up to the next."""

    at: Time
    ok: int
    error: int
    running: int


class TraceHistogram(msgspec.Struct, frozen=True, kw_only=True):
    """Bars of equal width from `start` to `end`, empty ones included."""

    start: Time
    end: Time
    bucket_s: Annotated[int, Meta(description="Seconds of a bar. Bars begin at whole multiples of it, in UTC.")]
    buckets: list[HistogramBucket]
    is_default_range: Annotated[
        bool,
        Meta(
            description=(
                "The start was not asked for: it is 24 hours before the end, or the first trace where that is later. "
                "Where nothing started in the last 24 hours, the end is just after the newest trace."
            )
        ),
    ]
    is_partial: Annotated[
        bool, Meta(description="Time ran out: the counts are of what started from `covered_from` on.")
    ]
    covered_from: Time | None


def get_trace_histogram(project_id: int, *, filters: TraceFilters = NO_FILTERS, buckets: int = 60) -> TraceHistogram:
    """Count the matches by start and status in about so many bars, for `BUDGET_SECONDS` at most.

    The range is that of the filters and of what the query says of `started`; without one, the last 24 hours that have
    data. Up to two queries on `traces_newest` for that, then windows as in `read_windows`.
    """
    now = timezone.now()
    start, end, is_default = _choose_range(project_id, filters, now)
    width = _choose_width((end - start).total_seconds(), min(buckets, MOST_BUCKETS))
    filters = replace(resolve_rare_text(project_id, filters), since=start, until=end)
    counts, coverage = _count(project_id, filters, width)
    first, last = int(start.timestamp() // width), int((end - timedelta(microseconds=1)).timestamp() // width)
    return TraceHistogram(
        start=start,
        end=end,
        bucket_s=width,
        buckets=[_make_bucket(number, width, counts) for number in range(first, last + 1)],
        is_default_range=is_default,
        is_partial=coverage.is_partial,
        covered_from=coverage.since,
    )


def _count(project_id: int, filters: TraceFilters, width: int) -> tuple[Counter[tuple[int, str]], Coverage]:
    """Return the matches by number of the bar and status, and how far back they were counted."""
    days: list[CountedDay] = []
    if _is_plain(filters) and width % _HOUR_S == 0:
        days = list_counted_days(project_id, filters, has_facets=False)
    try:
        return _read(project_id, filters, width, days)
    except DayForgottenError:
        # Rare, because whoever changes a past day is.
        return _read(project_id, filters, width, [])


def _is_plain(filters: TraceFilters) -> bool:
    """Say whether nothing is asked but the status, which hours and the index know."""
    return not (filters.ids or filters.includes_reruns) and list_asked_fields(filters.query) <= {"status"}


def _read(
    project_id: int, filters: TraceFilters, width: int, days: list[CountedDay]
) -> tuple[Counter[tuple[int, str]], Coverage]:
    counts: Counter[tuple[int, str]] = Counter()
    condition = spell_condition(build_query_conditions(filters.query)) if days else ("", [])

    def read(window: Window) -> None:
        for bucket, status, count in _run(project_id, window, width, condition):
            counts[int(bucket.timestamp()) // width, status] += count

    budget = Budget(BUDGET_SECONDS)
    budget.start_over(budgets.FIRST_COUNTED if _is_plain(filters) else None)
    return counts, read_windows(project_id, filters, budget=budget, read=read, days=days)


def _run(project_id: int, window: Window, width: int, condition: Sql) -> list[tuple[datetime, str, int]]:
    """Return bucket, status and count of what is in the window. Raises `DayForgottenError`."""
    bins = [timedelta(seconds=width), EPOCH]
    parts: list[Sql] = []
    rows = spell_rows([each.values_list("started_at", "status") for each in window.rows])
    if rows is not None:
        parts.append((_SCANNED.format(rows=rows[0]), [*bins, *rows[1]]))
    days = [each.day for each in window.days]
    if days:
        text, parameters = condition
        parts.append((_REMEMBERED.format(condition=text), [*bins, *[project_id, days], *parameters, project_id, days]))
    found = run(join(" UNION ALL ", parts)) if parts else []
    if days and (None, "", len(days)) not in found:
        raise DayForgottenError
    return [row for row in found if row[0] is not None]


def _choose_range(project_id: int, filters: TraceFilters, now: datetime) -> tuple[datetime, datetime, bool]:
    """Return start and end, the end always later, and whether the start is our choice."""
    end = _find_latest(filters, now) or now
    start = filters.earliest
    if start is not None:
        return min(start, end - timedelta(seconds=1)), end, False
    newest = get_newest_start(project_id, until=end)
    if newest is not None and newest < end - _DEFAULT_RANGE:
        end = newest + timedelta(seconds=1)
    start = end - _DEFAULT_RANGE
    oldest = get_oldest_start(project_id, since=start)
    if oldest is not None and oldest < end:
        start = oldest
    return start, end, True


def _find_latest(filters: TraceFilters, now: datetime) -> datetime | None:
    """Return the time after which nothing matches, by `until` and by what the query says of `started`."""
    bounds = [filters.until] if filters.until else []
    for item in filters.query.items:
        if isinstance(item, Term) and item.field == "started" and item.operator in ("<", "<="):
            bounds += [resolve_time(value, now=now) for value in item.values if isinstance(value, Moment | Ago)]
        elif isinstance(item, Term) and (item.field, item.operator) == ("started", ":") and len(item.values) == 1:
            bounds += [value.at + timedelta(days=1) for value in item.values if isinstance(value, Moment)]
    return min(bounds, default=None)


def _choose_width(seconds: float, buckets: int) -> int:
    """Return the narrowest width of which no more than so many bars fill the range, give or take the ends."""
    for width in _WIDTHS:
        if seconds / width <= buckets:
            return width
    return _DAY_S * -int(-seconds // (_DAY_S * buckets))


def _make_bucket(number: int, width: int, counts: Counter[tuple[int, str]]) -> HistogramBucket:
    values: dict[str, Any] = {status: counts[number, status] for status in ("ok", "error", "running")}
    return HistogramBucket(at=datetime.fromtimestamp(number * width, UTC), **values)
