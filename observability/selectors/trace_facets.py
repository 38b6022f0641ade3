"""How many of the matching traces have which status, workflow, model, ...: what a list can be narrowed to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from observability.query.nodes import Query
from observability.selectors.budget import Budget
from observability.selectors.shapes import Time, name_flags
from observability.selectors.trace_filters import COLUMNS, LISTS, NO_FILTERS, TraceFilters
from observability.selectors.traces import resolve_rare_text
from observability.selectors.windows import Coverage, Traces, read_grouped, read_windows

BUDGET_SECONDS = 0.25
MOST_VALUES = 30
_MOST_IN_WINDOW = 1_000
FACETS = (
    "status",
    "workflow",
    "model",
    "environment",
    "service",
    "version",
    "agent",
    "user",
    "tag",
    "flag",
    "source",
)
"""Fields that are counted, in the order pages show them."""

# One pass over the rows, which counts the fields of few values together: a hash of all of them for a row, not one of
# each. What came together is then counted apart, each field by itself, and lists are taken to pieces. The columns that
# a group is not about are null in it, so they add to no value. Values beyond the thousand most frequent of a window are
# not worth a facet.
_COUNT = """
WITH together AS (
    SELECT {columns}, count(*) AS traces FROM ({{matches}}) AS matches ({columns}) GROUP BY GROUPING SETS ({together})
), counted AS (
    SELECT grouping({columns}) AS which, {columns}, sum(traces) AS traces
    FROM together GROUP BY GROUPING SETS ({apart})
), found AS (
    {found}
), summed AS (
    SELECT field, value, sum(traces)::bigint AS traces,
        row_number() OVER (PARTITION BY field ORDER BY sum(traces) DESC) AS place
    FROM found WHERE value <> '' GROUP BY field, value
)
SELECT field, value, traces FROM summed WHERE place <= %s
"""
_OF_MANY_VALUES = {"user"}


def _spell_count(fields: list[str]) -> str:
    """Return the statement that counts these fields of matches that have their columns, in that order."""
    columns = [COLUMNS[field] for field in fields]
    few = [COLUMNS[field] for field in fields if field not in _OF_MANY_VALUES]
    sets = [few, *([COLUMNS[field]] for field in fields if field in _OF_MANY_VALUES)]
    found = [_spell_found(field, place, len(fields)) for place, field in enumerate(fields)]
    return _COUNT.format(
        columns=", ".join(columns),
        together=", ".join(f"({', '.join(one)})" for one in sets if one),
        apart=", ".join(f"({column})" for column in columns),
        found=" UNION ALL ".join(found),
    )


_FOUND = "SELECT '{field}' AS field, {value} AS value, traces FROM {source} WHERE which = {which}"


def _spell_found(field: str, place: int, count: int) -> str:
    # `grouping` has a bit for each column, the first one highest: set where the row is not about it.
    which = (1 << count) - 1 - (1 << (count - 1 - place))
    column = COLUMNS[field]
    if field in LISTS:
        source = f"counted CROSS JOIN unnest({column}) AS item"
        return _FOUND.format(field=field, value="item", source=source, which=which)
    return _FOUND.format(field=field, value=f"{column}::text", source="counted", which=which)


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
    chosen. So: one pass over the matches for the fields it does not mention, and one for each that it does.
    """
    filters = resolve_rare_text(project_id, filters)
    budget = Budget(BUDGET_SECONDS)
    mentioned = [field for field in fields if filters.query.without_field(field) != filters.query]
    groups = [([field for field in fields if field not in mentioned], filters.query)]
    groups += [([field], filters.query.without_field(field)) for field in mentioned]
    counts: dict[str, Counter[str]] = {field: Counter() for field in fields}
    coverages = []
    for names, query in groups:
        # What the whole query asks for is counted, also where a field's own part is left out.
        narrowed = replace(filters, query=query, has_reruns=filters.includes_reruns)
        coverages.append(_count(project_id, narrowed, names, counts, budget))
    partial = [coverage for coverage in coverages if coverage.is_partial]
    return TraceFacets(
        facets=[_make_facet(field, counts[field], filters.query) for field in fields],
        is_partial=bool(partial),
        covered_from=_find_covered(partial),
    )


def _count(
    project_id: int, filters: TraceFilters, fields: list[str], counts: dict[str, Counter[str]], budget: Budget
) -> Coverage:
    """Add what the matches have to the counts of these fields."""
    if not fields:
        return Coverage(is_partial=False)
    budget.start_over()
    statement = _spell_count(fields)

    def read(rows: Traces) -> None:
        matches = rows.values_list(*(COLUMNS[field] for field in fields))
        for field, value, traces in read_grouped(matches, statement, [_MOST_IN_WINDOW]):
            for name in name_flags(int(value)) if field == "flag" else (value,):
                counts[field][name] += traces

    return read_windows(project_id, filters, budget=budget, read=read)


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
    counts: dict[str, Counter[str]] = {field: Counter()}
    _count(project_id, NO_FILTERS, [field], counts, Budget(BUDGET_SECONDS / 2))
    fitting = [(value, count) for value, count in counts[field].items() if value.lower().startswith(prefix.lower())]
    return sorted(fitting, key=lambda each: (-each[1], each[0]))[:limit]
