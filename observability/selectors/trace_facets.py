"""How many of the matching traces have which status, workflow, model, ...: what a list can be narrowed to.

What is counted are the traces of each `facets_hash`, which is equal where all fields are but the user; so a field is
read off one trace of each, and what a query says of these fields is asked of that one trace too. Of past days the
counts are remembered (`trace_days.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from observability.query.nodes import NO_QUERY, Query
from observability.selectors import budget as budgets
from observability.selectors.budget import Budget
from observability.selectors.facet_counts import HASH, MOST_HASHES, MOST_IN_WINDOW, Counting, read_counts
from observability.selectors.shapes import Time, name_flags
from observability.selectors.trace_days import CountedDay, list_counted_days
from observability.selectors.trace_filters import (
    FACETS,
    HASHED,
    NO_FILTERS,
    USER,
    TraceFilters,
    build_query_conditions,
    list_asked_fields,
)
from observability.selectors.traces import resolve_rare_text
from observability.selectors.windows import Coverage, DayForgottenError, Window, read_windows

BUDGET_SECONDS = 0.5
MOST_VALUES = 30
_FEW_ROWS = 10_000
"""Matches that are read by their rows: a twentieth of a second."""


class FacetValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value, and how many of the matching traces have it."""

    value: str
    count: int
    is_selected: Annotated[bool, Meta(description="The query asks for it by `field:value`.")]


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """The values of one field, the most frequent first."""

    field: str
    values: list[FacetValue]
    is_more: Annotated[bool, Meta(description="There are more values than these.")]


class TraceFacets(msgspec.Struct, frozen=True, kw_only=True):
    """The values of all fields that a list is narrowed by."""

    facets: list[Facet]
    is_partial: Annotated[
        bool, Meta(description="Time ran out: the counts are of what started from `covered_from` on.")
    ]
    covered_from: Time | None


def get_trace_facets(
    project_id: int, *, filters: TraceFilters = NO_FILTERS, fields: tuple[str, ...] = FACETS
) -> TraceFacets:
    """Return the counts of each field's values among the matches, for `BUDGET_SECONDS` at most.

    What the query itself says of a field is left out of that field's own counts, so that they show what else could be
    chosen.
    """
    filters = resolve_rare_text(project_id, filters)
    counts = _Counts(fields)
    budget = Budget(BUDGET_SECONDS)
    coverages = _count_all(project_id, _plan(filters, fields, MOST_VALUES + 1), counts, budget)
    partial = [coverage for coverage in coverages if coverage.is_partial]
    return TraceFacets(
        facets=[_make_facet(field, counts.values[field], filters.query) for field in fields],
        is_partial=bool(partial),
        covered_from=_find_covered(partial),
    )


class _Counts:
    """What was counted so far: traces by the values of each field, and by hash those that the whole query matches."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.values: dict[str, Counter[str]] = {field: Counter() for field in fields}
        self.hashes: Counter[int] = Counter()

    def add(self, field: str, value: str, traces: int) -> None:
        if field == HASH:
            self.hashes[int(value)] += traces
            return
        for name in name_flags(int(value)) if field == "flag" else (value,):
            self.values[field][name] += traces

    def forget(self, fields: list[str]) -> None:
        self.hashes.clear()
        for field in fields:
            if field != HASH:
                self.values[field].clear()


@dataclass(frozen=True, slots=True)
class _Walk:
    """One pass over the traces that match the filters, and have one of the hashes where some are given.

    The filters of a plain one are but a range.
    """

    filters: TraceFilters
    counting: Counting
    is_plain: bool = False
    hashes: tuple[int, ...] = ()


def _plan(filters: TraceFilters, fields: tuple[str, ...], enough: int) -> list[_Walk]:
    """Say how to count these fields: with one pass where the query asks for nothing but what the hash knows.

    Users are counted with it where the query asks for the status at most, and else in a second pass. For any other
    query there is a pass for the fields that it does not mention, and one for each that it does.
    """
    asked = list_asked_fields(filters.query)
    together = [field for field in fields if field != USER or asked <= {"status"}]
    if filters.ids or filters.includes_reruns or not asked <= HASHED or not together:
        return _plan_one_by_one(filters, fields)
    apart = tuple(field for field in fields if field not in together)
    together += [HASH] if apart else []
    conditions = {field: build_query_conditions(filters.query.without_field(field)) for field in together}
    # Of a field that is asked for, the values that were chosen are wanted too; a value of flags is a sum of several.
    counting = Counting(together, conditions, dict.fromkeys(set(FACETS) - asked - {"flag"}, enough))
    plain = _Walk(replace(filters, query=NO_QUERY), counting, is_plain=True)
    return [plain, *_plan_one_by_one(filters, apart)]


def _plan_one_by_one(filters: TraceFilters, fields: tuple[str, ...]) -> list[_Walk]:
    mentioned = [field for field in fields if filters.query.without_field(field) != filters.query]
    groups = [([field for field in fields if field not in mentioned], filters.query)]
    groups += [([field], filters.query.without_field(field)) for field in mentioned]
    # What the whole query asks for is counted, also where a field's own part is left out.
    has_reruns = filters.includes_reruns
    return [
        _Walk(replace(filters, query=query, has_reruns=has_reruns), Counting(names)) for names, query in groups if names
    ]


def _count_all(project_id: int, walks: list[_Walk], counts: _Counts, budget: Budget) -> list[Coverage]:
    """Add what all passes find; say how far each of them came."""
    coverages: list[Coverage] = []
    for walk in walks:
        is_whole = bool(coverages) and not coverages[-1].is_partial
        coverages.append(_count(project_id, _choose_way(walk, counts) if is_whole else walk, counts, budget))
    return coverages


def _choose_way(walk: _Walk, counts: _Counts) -> _Walk:
    """Return a pass along the index that knows hashes and users, where so many match that their rows take longer."""
    if sum(counts.hashes.values()) <= _FEW_ROWS or len(counts.hashes) > MOST_HASHES:
        return walk
    return replace(walk, filters=replace(walk.filters, query=NO_QUERY), hashes=tuple(counts.hashes))


def _count(project_id: int, walk: _Walk, counts: _Counts, budget: Budget) -> Coverage:
    """Add what a pass finds to the counts of its fields."""
    days = list_counted_days(project_id, walk.filters, has_facets=True) if walk.is_plain else []
    try:
        return _read(project_id, walk, counts, budget, days)
    except DayForgottenError:
        # Rare, because whoever changes a past day is.
        counts.forget(walk.counting.fields)
        return _read(project_id, walk, counts, budget, [])


def _read(project_id: int, walk: _Walk, counts: _Counts, budget: Budget, days: list[CountedDay]) -> Coverage:
    budget.start_over(budgets.FIRST_COUNTED if walk.is_plain or walk.hashes else None)

    def read(window: Window) -> None:
        if walk.hashes:
            window.rows = [rows.filter(facets_hash__in=walk.hashes) for rows in window.rows]
        for field, value, traces in read_counts(project_id, window, walk.counting):
            counts.add(field, value, traces)

    return read_windows(project_id, walk.filters, budget=budget, read=read, days=days)


def _find_covered(partial: list[Coverage]) -> datetime | None:
    """Return from when on all counts are whole; None when one of them has counted nothing."""
    times = [coverage.since for coverage in partial if coverage.since is not None]
    return max(times) if times and len(times) == len(partial) else None


def _make_facet(field: str, counts: Counter[str], query: Query) -> Facet:
    selected = query.list_values(field)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    shown = ordered[:MOST_VALUES]
    shown += [value for value in selected if value not in shown]
    return Facet(
        field=field,
        values=[FacetValue(value=value, count=counts[value], is_selected=value in selected) for value in shown],
        is_more=len(ordered) > MOST_VALUES,
    )


def list_frequent_values(project_id: int, field: str, *, prefix: str, limit: int) -> list[tuple[str, int]]:
    """Return the values of a facet's field that begin so, whatever the case, with their counts, the frequent first.

    Counted over the newest traces, as far as the budget goes.
    """
    counts = _Counts((field,))
    [walk] = _plan(NO_FILTERS, (field,), MOST_IN_WINDOW)
    _count(project_id, walk, counts, Budget(BUDGET_SECONDS / 4))
    fitting = [
        (value, count) for value, count in counts.values[field].items() if value.lower().startswith(prefix.lower())
    ]
    return sorted(fitting, key=lambda each: (-each[1], each[0]))[:limit]
