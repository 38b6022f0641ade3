"""How a step does over time: calls, errors, latency, tokens and cost, from the calls themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, F, Q, TextField, Value

from observability.models import Step
from observability.models.steps import StepKind
from observability.selectors.buckets import ORIGIN, choose_bucket, list_buckets
from observability.selectors.rows import read_rows
from observability.selectors.shapes import format_usd
from observability.selectors.step_shapes import StepBucket, StepError, StepFigures, StepHealth
from observability.selectors.steps import select_calls


def get_step_health(
    project_id: int, step: Step, *, since: datetime, until: datetime, bucket_s: int | None = None
) -> StepHealth:
    """Return the figures of the calls that started from `since` up to `until`, whole and by bucket.

    Percentiles are exact, over the calls that have ended. Two queries, one scan of the step's calls in that time
    (`traces_by_workflow` or `events_by_step`) and one look at the newest that failed.
    Raises `InvalidError` for a range that is empty, or more than `MOST_BUCKETS` buckets.
    """
    size = choose_bucket(since, until, asked_s=bucket_s)
    figures = _load_figures(project_id, step, since, until, size)
    return StepHealth(
        kind=step.kind,
        key=step.key,
        name=step.name,
        workflow_name=step.workflow_name,
        model=step.model,
        since=since,
        until=until,
        bucket_s=int(size.total_seconds()),
        totals=figures.get(None, StepFigures()),
        buckets=[
            StepBucket(started_at=start, figures=figures.get(start, StepFigures()))
            for start in list_buckets(since, until, size)
        ],
        last_error=_find_last_error(project_id, step, since, until),
    )


def _load_figures(
    project_id: int, step: Step, since: datetime, until: datetime, size: timedelta
) -> dict[datetime | None, StepFigures]:
    """Return the figures by the start of their bucket, and under None those of all calls."""
    calls = select_calls(project_id, step, since=since, until=until).values_list(
        "started_at", "status", "duration_ms", "total_tokens", "cost_micros", _is_unpriced(step)
    )
    query, params = calls.query.sql_with_params()
    rows = read_rows(_FIGURES.format(calls=query), [*params, size, ORIGIN])
    return {row["bucket"]: _make_figures(row) for row in rows}


_FIGURES = """
WITH calls (started_at, status, duration_ms, total_tokens, cost_micros, is_unpriced) AS ({calls})
SELECT
    date_bin(%s, started_at, %s) AS bucket,
    count(*) AS calls,
    count(*) FILTER (WHERE status = 'error') AS errors,
    count(*) FILTER (WHERE status = 'running') AS running,
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_ms) AS percentiles,
    sum(total_tokens)::bigint AS total_tokens,
    sum(cost_micros)::bigint AS cost_micros,
    count(*) FILTER (WHERE is_unpriced) AS unpriced_calls
FROM calls
GROUP BY GROUPING SETS ((), (bucket))
"""


def _is_unpriced(step: Step) -> ExpressionWrapper[Q]:
    """Return whether a call spent tokens at a cost that is not known."""
    if step.kind == StepKind.WORKFLOW:
        unpriced = Q(unpriced_count__gt=0)
    else:
        unpriced = Q(kind="ai", cost_micros=None, total_tokens__gt=0)
    return ExpressionWrapper(unpriced, output_field=BooleanField())


def _make_figures(row: dict[str, Any]) -> StepFigures:
    p50, p95, p99 = row["percentiles"] or (None, None, None)
    return StepFigures(
        calls=row["calls"],
        errors=row["errors"],
        running=row["running"],
        error_rate=row["errors"] / row["calls"] if row["calls"] else None,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        total_tokens=row["total_tokens"],
        cost_micros=row["cost_micros"],
        cost_usd=format_usd(row["cost_micros"]),
        unpriced_calls=row["unpriced_calls"],
    )


def _find_last_error(project_id: int, step: Step, since: datetime, until: datetime) -> StepError | None:
    failed = select_calls(project_id, step, since=since, until=until).filter(status="error").order_by("-started_at")
    place: Any = Value(None, TextField()) if step.kind == StepKind.WORKFLOW else F("span_id")
    row = failed.values_list("trace_id", "started_at", "error_message", place).first()
    if row is None:
        return None
    trace_id, started_at, message, span_id = row
    return StepError(trace_id=trace_id, span_id=span_id, started_at=started_at, message=message)
