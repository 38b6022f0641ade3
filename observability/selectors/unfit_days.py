"""Past days on which no trace is like what a query asks for, so that a list of rare matches need not look there.

Of a day whose counts are remembered (`trace_days.py`) it is known which `facets_hash` its traces have. All traces of
one hash are equal in every field of `HASHED`, so what a query says of these is asked of one trace of each.
"""

from __future__ import annotations

from dataclasses import replace

from observability.query.nodes import make_query
from observability.selectors.rows import run, spell_condition
from observability.selectors.trace_days import CountedDay, list_counted_days
from observability.selectors.trace_filters import HASHED, TraceFilters, build_query_conditions, list_asked_fields

# The days that are remembered still; one that was forgotten since is looked through.
_UNFIT = """
WITH known AS (
    SELECT day, unnest(facet_hashes) AS hash, unnest(facet_latest) AS latest
    FROM trace_days WHERE project_id = %s AND day = ANY(%s)
), fitting AS (
    SELECT hash FROM (SELECT hash, max(latest) AS latest FROM known GROUP BY hash) AS each
    CROSS JOIN LATERAL (
        SELECT {condition} AS fits FROM traces
        WHERE project_id = %s AND started_at = each.latest AND facets_hash = each.hash LIMIT 1
    ) AS one
    WHERE fits
)
SELECT day FROM trace_days WHERE project_id = %s AND day = ANY(%s) AND facet_hashes IS NOT NULL
AND day NOT IN (SELECT day FROM known JOIN fitting USING (hash))
"""


def list_unfit_days(project_id: int, filters: TraceFilters) -> list[CountedDay]:
    """Return whole days of the range on which nothing can match, newest first, as far as it is known.

    Two queries: the remembered days, by primary key, then one trace of each hash, by `traces_newest`: 3 µs a hash. None
    where the query asks for nothing that hashes know, or for reruns, which are not counted.
    """
    asked = make_query(item for item in filters.query.items if _is_known(list_asked_fields(make_query([item]))))
    if not asked.items or filters.includes_reruns:
        return []
    days = list_counted_days(project_id, filters, has_facets=True)
    if not days:
        return []
    names = [each.day for each in days]
    condition, parameters = spell_condition(build_query_conditions(asked))
    given = [project_id, names, *parameters, project_id, project_id, names]
    unfit = {day for (day,) in run((_UNFIT.format(condition=condition), given))}
    return [replace(each, size=0) for each in days if each.day in unfit]


def _is_known(fields: set[str]) -> bool:
    return bool(fields) and fields <= HASHED
