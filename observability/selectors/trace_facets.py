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

# One pass over the matches, by users and by all that the other fields add up to: `traces_newest` knows that as one
# number.
_COUNT = """
WITH together AS (
    SELECT facets_hash, user_id, max(started_at) AS started_at, count(*) AS traces
    FROM ({{matches}}) AS matches (facets_hash, user_id, started_at) GROUP BY GROUPING SETS ((facets_hash), (user_id))
){apart}
{found}
"""
# The fields are read off one trace of each group, then counted each by itself. The columns that a group is not about
# are null in it.
_APART = """, of_fields AS (
    SELECT {columns}, traces
    FROM (SELECT facets_hash, started_at, traces FROM together WHERE facets_hash IS NOT NULL) AS grouped
    CROSS JOIN LATERAL (
        SELECT {columns} FROM traces AS t WHERE t.project_id = %s AND t.started_at = grouped.started_at
        AND t.facets_hash = grouped.facets_hash LIMIT 1
    ) AS one
), apart AS (
    SELECT grouping({columns}) AS which, {columns}, sum(traces)::bigint AS traces
    FROM of_fields GROUP BY GROUPING SETS ({each})
)"""
# Values beyond the most frequent of a window are not worth a facet.
_FOUND = """(
    SELECT '{field}' AS field, {column}::text AS value, traces FROM {source} AS found
    WHERE {column}::text <> '' ORDER BY traces DESC LIMIT {most}
)"""
_ONE = "(SELECT {column}, traces FROM apart WHERE which = {which})"
_ITEMS = """(
    SELECT item AS {column}, sum(traces)::bigint AS traces
    FROM apart CROSS JOIN unnest({column}) AS item WHERE which = {which} GROUP BY item
)"""
_MATCHED = ("facets_hash", "user_id", "started_at")
_USER = "user"


def _spell_count(fields: list[str]) -> str:
    """Return the statement that counts these fields of matches, given as their `_MATCHED` columns.

    Its parameter is the project, if there is a field beside the user.
    """
    others = [field for field in fields if field != _USER]
    columns = ", ".join(COLUMNS[field] for field in others)
    each = ", ".join(f"({COLUMNS[field]})" for field in others)
    found = []
    for place, field in enumerate(others):
        # `grouping` has a bit for each column, the first one highest: set where the row is not about it.
        which = (1 << len(others)) - 1 - (1 << (len(others) - 1 - place))
        source = (_ITEMS if field in LISTS else _ONE).format(column=COLUMNS[field], which=which)
        found.append(_spell_found(field, source))
    if _USER in fields:
        found.append(_spell_found(_USER, "together"))
    return _COUNT.format(
        apart=_APART.format(columns=columns, each=each) if others else "",
        found=" UNION ALL ".join(found),
    )


def _spell_found(field: str, source: str) -> str:
    return _FOUND.format(field=field, column=COLUMNS[field], source=source, most=_MOST_IN_WINDOW)


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
    parameters = [] if fields == [_USER] else [project_id]

    def read(rows: Traces) -> None:
        for field, value, traces in read_grouped(rows.values_list(*_MATCHED), statement, parameters):
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
