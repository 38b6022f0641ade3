"""How a project does as a whole: traffic, errors, latency, tokens and cost, from the traces themselves.

A trace belongs to the stretch of time in which it started. Traces of log records alone are not counted, nor deleted
ones. Every read is bounded: when a range holds more traces than can be counted in time, the newest part is, and said.

A session's events without a trace id are kept in a trace that stands in for the runs they came from. It counts as
traffic, but it is no run: how long it lasted says when its session began and ended, so it is left out of latencies.
Reruns are no traffic at all (`selectors/production.py`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from observability.ingest.sdk.trace_ids import make_unattributed_trace_id
from observability.models import Trace
from observability.selectors.buckets import ORIGIN, choose_bucket, list_buckets, read_newest_share
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.metric_shapes import BusyWorkflow, KindFigures, MetricBucket, SystemMetrics, TraceFigures
from observability.selectors.production import NO_RERUN_SQL, NO_RERUNS
from observability.selectors.rows import read_rows
from observability.selectors.shapes import TraceSummary, format_usd
from observability.selectors.traces import list_traces_by_id

BUDGET_SECONDS = 2.0
KINDS_SECONDS = 0.25
"""Figures by kind come beside those of the traces, which must not wait for them."""
MOST_RUNNING = 1_000
_STAND_IN_PREFIX = make_unattributed_trace_id("")
# Only of an id that begins so the session is looked up; of all others the index `traces_newest` knows enough.
_IS_RUN = f"""(NOT starts_with(trace_id, '{_STAND_IN_PREFIX}') OR NOT EXISTS (
    SELECT FROM traces AS s WHERE s.project_id = traces.project_id AND s.trace_id = traces.trace_id
        AND '{_STAND_IN_PREFIX}' || s.session_id = s.trace_id
))"""
_Rows = dict[datetime | None, TraceFigures]


def get_system_metrics(
    project_id: int, *, since: datetime, until: datetime, bucket_s: int | None = None, has_kinds: bool = False
) -> SystemMetrics:
    """Return the figures of the traces that started from `since` up to `until`, and of the stretch before.

    Two queries on `traces_newest`; one more on the primary key of `events` for the kinds. Percentiles are exact.
    Raises `InvalidError` for a range that is empty or would have too many buckets.
    """
    size = choose_bucket(since, until, asked_s=bucket_s)
    previous_since = since - (until - since)
    found, covered_from = read_newest_share(
        since, until, seconds=BUDGET_SECONDS, read=lambda start: _load_figures(project_id, start, until, size)
    )
    previous = None if covered_from else _load_previous(project_id, previous_since, since)
    kinds, kinds_from = list_kind_figures(project_id, since=since, until=until) if has_kinds else ([], None)
    return SystemMetrics(
        since=since,
        until=until,
        previous_since=previous_since,
        bucket_s=int(size.total_seconds()),
        totals=(found or {}).get(None, TraceFigures()),
        previous=previous,
        buckets=_make_buckets(found or {}, since, until, size),
        kinds=kinds,
        is_partial=covered_from is not None,
        covered_from=covered_from,
        kinds_from=kinds_from,
    )


def _load_previous(project_id: int, since: datetime, until: datetime) -> TraceFigures | None:
    try:
        with Budget(BUDGET_SECONDS).spend():
            return _load_figures(project_id, since, until, None).get(None, TraceFigures())
    except OutOfTimeError:
        return None


def _make_buckets(found: _Rows, since: datetime, until: datetime, size: timedelta) -> list[MetricBucket]:
    made = []
    for start in list_buckets(since, until, size):
        minutes = (min(start + size, until) - max(start, since)).total_seconds() / 60
        figures = found.get(start, TraceFigures())
        made.append(MetricBucket(started_at=start, per_minute=figures.traces / minutes, figures=figures))
    return made


_FIGURES = """
SELECT
    {bucket} AS bucket,
    count(*) AS traces,
    count(*) FILTER (WHERE status = 'error') AS errors,
    count(*) FILTER (WHERE status = 'running') AS running,
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_ms) FILTER (WHERE {is_run}) AS percentiles,
    sum(event_count)::bigint AS events,
    sum(total_tokens)::bigint AS total_tokens,
    sum(cost_micros)::bigint AS cost_micros,
    count(*) FILTER (WHERE unpriced_count > 0) AS unpriced_traces
FROM traces
WHERE project_id = %(project)s AND started_at >= %(since)s AND started_at < %(until)s
    AND deleted_at IS NULL AND event_count > 0 AND {no_rerun}
GROUP BY {groups}
"""
_WHOLE = _FIGURES.format(is_run=_IS_RUN, no_rerun=NO_RERUN_SQL, bucket="NULL::timestamptz", groups="()")
_BY_BUCKET = _FIGURES.format(
    is_run=_IS_RUN,
    no_rerun=NO_RERUN_SQL,
    bucket="date_bin(%(size)s, started_at, %(origin)s)",
    groups="GROUPING SETS ((), (date_bin(%(size)s, started_at, %(origin)s)))",
)


def _load_figures(project_id: int, since: datetime, until: datetime, size: timedelta | None) -> _Rows:
    """Return the figures by the start of their bucket, and under None those of all."""
    parameters = {"project": project_id, "since": since, "until": until, "size": size, "origin": ORIGIN}
    rows = read_rows(_BY_BUCKET if size else _WHOLE, parameters)
    return {row["bucket"]: _make_figures(row) for row in rows}


def _make_figures(row: dict[str, Any]) -> TraceFigures:
    traces = row["traces"]
    if not traces:
        return TraceFigures()
    ok = traces - row["errors"] - row["running"]
    p50, p95, p99 = row["percentiles"] or (None, None, None)
    return TraceFigures(
        traces=traces,
        ok=ok,
        errors=row["errors"],
        running=row["running"],
        success_rate=ok / traces,
        error_rate=row["errors"] / traces,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        events=row["events"],
        total_tokens=row["total_tokens"],
        cost_micros=row["cost_micros"],
        cost_usd=format_usd(row["cost_micros"]),
        unpriced_traces=row["unpriced_traces"],
    )


_KINDS = """
SELECT kind, count(*) AS events, count(*) FILTER (WHERE status = 'error') AS errors,
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_ms) AS percentiles
FROM events AS e
WHERE project_id = %(project)s AND started_at >= %(since)s AND started_at < %(until)s AND {no_rerun}
    AND NOT EXISTS (
        SELECT FROM traces AS t
        WHERE t.project_id = e.project_id AND t.trace_id = e.trace_id AND t.deleted_at IS NOT NULL
    )
GROUP BY kind ORDER BY events DESC, kind
"""


def list_kind_figures(
    project_id: int, *, since: datetime, until: datetime
) -> tuple[list[KindFigures], datetime | None]:
    """Return the figures of the events that started in the range by kind, and from where on if not all could be read.

    Reads the events of the days in question, which no index narrows further: so it is bounded in time.
    """
    query = _KINDS.format(no_rerun=NO_RERUN_SQL)
    found, start = read_newest_share(
        since,
        until,
        seconds=KINDS_SECONDS,
        read=lambda begin: read_rows(query, {"project": project_id, "since": begin, "until": until}),
    )
    return [_make_kind(row) for row in found or []], start


def _make_kind(row: dict[str, Any]) -> KindFigures:
    p50, p95, p99 = row["percentiles"] or (None, None, None)
    return KindFigures(
        kind=row["kind"],
        events=row["events"],
        errors=row["errors"],
        error_rate=row["errors"] / row["events"],
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
    )


def list_running(project_id: int, *, limit: int) -> tuple[list[TraceSummary], int]:
    """Return the traces that run now, the longest running first, and how many there are up to `MOST_RUNNING`.

    Three queries; `traces_not_ok` holds nothing but what runs or failed.
    """
    running = Trace.objects.filter(NO_RERUNS, project_id=project_id, status="running", deleted_at=None)
    ids = list(running.order_by("started_at", "trace_id").values_list("trace_id", flat=True)[:limit])
    count = running.order_by().values("trace_id")[:MOST_RUNNING].count()
    return list_traces_by_id(project_id, ids)[::-1], count


_SLOWEST = """
SELECT trace_id FROM traces
WHERE project_id = %(project)s AND started_at >= %(since)s AND started_at < %(until)s
    AND deleted_at IS NULL AND duration_ms > 0 AND {is_run} AND {no_rerun}
ORDER BY duration_ms DESC, started_at DESC LIMIT %(limit)s
"""


def list_slowest(project_id: int, *, since: datetime, until: datetime, limit: int) -> list[TraceSummary]:
    """Return the runs of a range that took longest; of a large range, those of its newest part. Two queries."""
    query = _SLOWEST.format(is_run=_IS_RUN, no_rerun=NO_RERUN_SQL)
    asked = {"project": project_id, "until": until, "limit": limit}
    found, _ = read_newest_share(
        since,
        until,
        seconds=BUDGET_SECONDS / 2,
        read=lambda start: [row["trace_id"] for row in read_rows(query, {**asked, "since": start})],
    )
    return sorted(list_traces_by_id(project_id, found or []), key=lambda trace: -(trace.duration_ms or 0))


_BUSIEST = """
SELECT workflow_name, count(*) AS traces, count(*) FILTER (WHERE status = 'error') AS errors,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) FILTER (WHERE {is_run}) AS p95_ms,
    sum(cost_micros)::bigint AS cost_micros
FROM traces
WHERE project_id = %(project)s AND started_at >= %(since)s AND started_at < %(until)s
    AND deleted_at IS NULL AND event_count > 0 AND {no_rerun}
GROUP BY workflow_name ORDER BY traces DESC, workflow_name LIMIT %(limit)s
"""


def list_busiest_workflows(project_id: int, *, since: datetime, until: datetime, limit: int) -> list[BusyWorkflow]:
    """Return the workflows with the most traces in a range; of a large range, in its newest part. One query."""
    query = _BUSIEST.format(is_run=_IS_RUN, no_rerun=NO_RERUN_SQL)
    found, _ = read_newest_share(
        since,
        until,
        seconds=BUDGET_SECONDS / 2,
        read=lambda start: read_rows(query, {"project": project_id, "since": start, "until": until, "limit": limit}),
    )
    return [BusyWorkflow(**row, error_rate=row["errors"] / row["traces"]) for row in found or []]


def has_any_trace(project_id: int) -> bool:
    """Say whether the project has a trace to show. One query on `traces_newest`."""
    return Trace.objects.filter(project_id=project_id, deleted_at=None).exists()
