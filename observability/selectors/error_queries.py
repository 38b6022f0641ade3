"""The SQL behind `errors.py`, in parts that several queries share. Nothing here is executed."""

from __future__ import annotations

from observability.selectors.error_shapes import ErrorSample

SAMPLE_COLUMNS = tuple(ErrorSample.__struct_fields__)
LOOKED_AT = 1_000
"""Newest events of an error among which its traces are counted, and of which the breakdown is made."""

_VISIBLE = """NOT EXISTS (
    SELECT FROM traces AS t WHERE t.project_id = e.project_id AND t.trace_id = e.trace_id AND t.deleted_at IS NOT NULL
)"""
_ELSEWHERE = {"message": "e.error_message", "workflow_name": "coalesce(e.workflow_name, t.workflow_name)"}
_SAMPLE = ", ".join(f"{_ELSEWHERE.get(column, f'e.{column}')} AS {column}" for column in SAMPLE_COLUMNS)


def _spell(query: str, *, order: str = "") -> str:
    """Return the query with its shared parts."""
    one = f"e.project_id = %(project)s AND e.error_fingerprint = %(fingerprint)s AND {_VISIBLE}"
    in_time = "e.started_at >= %(since)s AND e.started_at < %(until)s"
    fingerprint = "e.error_fingerprint = k.fingerprint"
    # The status is what the index of errors is made of; without it said, Postgres cannot use that.
    failed = "e.status = 'error' AND e.error_fingerprint IS NOT NULL"
    return query.format(
        visible=_VISIBLE,
        one=one,
        one_in_range=f"{one} AND {in_time}",
        # Without the status, which an event with a fingerprint has: else the index of all errors looks as good.
        each_in_range=f"e.project_id = %(project)s AND {in_time} AND {fingerprint} AND {_VISIBLE}",
        in_range=f"e.project_id = %(project)s AND {in_time} AND {failed} AND {_VISIBLE}",
        sample=_SAMPLE,
        looked_at=LOOKED_AT,
        order=order,
    )


# Each order is a number that a cursor can name: microseconds since 1970, or a count.
_ORDERS = {
    "last": "(extract(epoch FROM max(last_at)) * 1000000)::bigint",
    "first": "(extract(epoch FROM min(first_at)) * 1000000)::bigint",
    "count": "sum(count)::bigint",
}
_LIST = """
WITH cells AS MATERIALIZED (
    SELECT e.error_fingerprint AS fingerprint, date_bin(%(size)s, e.started_at, %(origin)s) AS bucket,
        count(*) AS count, min(e.started_at) AS first_at, max(e.started_at) AS last_at
    FROM events AS e WHERE {in_range} GROUP BY 1, 2
), found AS (
    SELECT fingerprint, sum(count)::bigint AS count, max(last_at) AS last_at, {order} AS place,
        array_agg(bucket) AS buckets, array_agg(count) AS counts
    FROM cells GROUP BY fingerprint
)
SELECT f.*, g.kind, g.name, g.message
FROM found AS f JOIN error_groups AS g ON g.project_id = %(project)s AND g.fingerprint = f.fingerprint
WHERE (%(text)s::text IS NULL OR g.name ILIKE %(text)s OR g.message ILIKE %(text)s)
    AND (%(before)s::bigint IS NULL OR (f.place, f.fingerprint) < (%(before)s, %(before_key)s))
ORDER BY f.place DESC, f.fingerprint DESC LIMIT %(limit)s
"""
LISTS = {sort: _spell(_LIST, order=order) for sort, order in _ORDERS.items()}

# What is looked up for each error of a page: its first event ever, its newest one, the traces it hit, and how often it
# came in the time before. Traces are counted among the newest events only, or one error of many would take long.
LOOK_UP = _spell("""
SELECT k.fingerprint, first.first_seen_at, hit.*, previous.*, sample.*
FROM unnest(%(fingerprints)s::text[]) AS k (fingerprint)
CROSS JOIN LATERAL (
    SELECT e.started_at AS first_seen_at FROM events AS e
    WHERE e.project_id = %(project)s AND e.error_fingerprint = k.fingerprint AND {visible}
    ORDER BY e.started_at LIMIT 1
) AS first
CROSS JOIN LATERAL (
    SELECT count(*) AS looked_at, count(DISTINCT trace_id) AS traces FROM (
        SELECT e.trace_id FROM events AS e WHERE {each_in_range} ORDER BY e.started_at DESC LIMIT {looked_at}
    ) AS newest
) AS hit
CROSS JOIN LATERAL (
    SELECT count(*) AS previous_count FROM events AS e
    WHERE e.error_fingerprint = k.fingerprint AND e.project_id = %(project)s AND {visible}
        AND e.started_at >= %(previous)s AND e.started_at < %(since)s
) AS previous
CROSS JOIN LATERAL (
    SELECT {sample}
    FROM events AS e JOIN traces AS t ON t.project_id = e.project_id AND t.trace_id = e.trace_id
    WHERE {each_in_range}
    ORDER BY e.started_at DESC, e.id DESC LIMIT 1
) AS sample
""")

EVER = _spell("""
SELECT
    (SELECT e.started_at FROM events AS e WHERE {one} ORDER BY e.started_at LIMIT 1) AS first_seen_at,
    (SELECT e.started_at FROM events AS e WHERE {one} ORDER BY e.started_at DESC LIMIT 1) AS last_seen_at,
    (SELECT count(*) FROM events AS e WHERE {one} AND e.started_at >= %(previous)s AND e.started_at < %(since)s)
        AS previous_count
""")

SERIES_OF = _spell("""
SELECT date_bin(%(size)s, e.started_at, %(origin)s) AS bucket, count(*) AS count
FROM events AS e WHERE {one_in_range} GROUP BY 1
""")

SAMPLES = _spell("""
SELECT {sample}
FROM events AS e JOIN traces AS t ON t.project_id = e.project_id AND t.trace_id = e.trace_id
WHERE {one_in_range}
    AND (%(at)s::timestamptz IS NULL OR (e.started_at, e.id) < (%(at)s::timestamptz, %(id)s::bigint))
ORDER BY e.started_at DESC, e.id DESC LIMIT %(limit)s
""")

BREAKDOWN = _spell("""
WITH newest AS (
    SELECT e.trace_id, coalesce(e.workflow_name, t.workflow_name) AS workflow_name, e.model, e.environment,
        e.service_version
    FROM events AS e JOIN traces AS t ON t.project_id = e.project_id AND t.trace_id = e.trace_id
    WHERE {one_in_range} ORDER BY e.started_at DESC LIMIT {looked_at}
)
SELECT grouping(workflow_name, model, environment, service_version) AS part,
    workflow_name, model, environment, service_version, count(*) AS count, count(DISTINCT trace_id) AS traces
FROM newest
GROUP BY GROUPING SETS ((), (workflow_name), (model), (environment), (service_version))
ORDER BY count DESC, workflow_name, model, environment, service_version
""")
