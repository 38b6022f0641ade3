"""How listed steps did lately: figures by bucket of time, and the latency of their newest calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection

from observability.models.steps import StepKind
from observability.selectors.buckets import ORIGIN, choose_bucket, list_buckets
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.production import NO_RERUN_SQL
from observability.selectors.step_shapes import StepLatency, StepList, StepSeries

LATENCY_CALLS = 200
"""Percentiles of a list are those of so many newest calls: exact for them, and bounded whatever a step's traffic."""
MOST_WITH_PARTS = 200
BUDGET_SECONDS = 2.0
_USUAL_BUCKETS = 24
_HOUR = timedelta(hours=1)

StepRef = tuple[str, str]
"""Step kind, step key."""


def add_step_parts(
    project_id: int,
    steps: StepList,
    parts: Iterable[str],
    *,
    since: datetime,
    until: datetime,
    latency_seconds: float = BUDGET_SECONDS,
) -> StepList:
    """Return the steps, at most `MOST_WITH_PARTS`, with their `series`, their `latency` or both."""
    refs = [(step.kind, step.key) for step in steps.items]
    series = list_step_series(project_id, refs, since=since, until=until) if "series" in parts else {}
    latency: dict[StepRef, StepLatency] = {}
    if "latency" in parts:
        latency = list_step_latency(project_id, refs, since=since, until=until, budget_seconds=latency_seconds)
    items = [
        msgspec.structs.replace(step, series=series.get(ref), latency=latency.get(ref))
        for step, ref in zip(steps.items, refs, strict=True)
    ]
    return msgspec.structs.replace(steps, items=items)


def list_step_series(
    project_id: int, steps: Sequence[StepRef], *, since: datetime, until: datetime
) -> dict[StepRef, StepSeries]:
    """Return each step's calls, errors and mean latency by bucket, from its hourly figures. One query, primary key.

    Buckets are whole hours or more, at most about `_USUAL_BUCKETS` of them. Raises `InvalidError` for an empty range.
    """
    size = max(choose_bucket(since, until, usual=_USUAL_BUCKETS), _HOUR)
    starts = list_buckets(since, until, size)
    empty = {step: [(0, 0, 0.0)] * len(starts) for step in steps}
    with connection.cursor() as cursor:
        kinds, keys = [kind for kind, _ in steps], [key for _, key in steps]
        arguments: list[Any] = [size, ORIGIN, kinds, keys, project_id, starts[0], until]
        cursor.execute(_SERIES, arguments)
        for kind, key, start, *figures in cursor:
            empty[kind, key][(start - starts[0]) // size] = tuple(figures)
    return {step: _make_series(starts, size, rows) for step, rows in empty.items()}


_SERIES = """
SELECT kind, key, date_bin(%s, hour, %s), sum(calls)::bigint, sum(errors)::bigint, sum(duration_ms)
FROM unnest(%s::text[], %s::text[]) AS wanted (kind, key) JOIN step_hours USING (kind, key)
WHERE project_id = %s AND hour >= %s AND hour < %s
GROUP BY 1, 2, 3
"""


def _make_series(starts: list[datetime], size: timedelta, rows: list[tuple[int, int, float]]) -> StepSeries:
    return StepSeries(
        started_at=starts[0],
        bucket_s=int(size.total_seconds()),
        calls=[calls for calls, _, _ in rows],
        errors=[errors for _, errors, _ in rows],
        mean_duration_ms=[duration_ms / calls if calls else None for calls, _, duration_ms in rows],
    )


def list_step_latency(
    project_id: int,
    steps: Sequence[StepRef],
    *,
    since: datetime,
    until: datetime,
    budget_seconds: float = BUDGET_SECONDS,
) -> dict[StepRef, StepLatency]:
    """Return the percentiles of each step's newest `LATENCY_CALLS` calls, and when it was last called.

    One query a kind along `traces_by_workflow` or `events_by_step`. A step is missing that has no call in that time,
    or that the budget was too short for.
    """
    budget = Budget(budget_seconds)
    found: dict[StepRef, StepLatency] = {}
    for kind in StepKind.values:
        keys = [key for step_kind, key in steps if step_kind == kind]
        if not keys:
            continue
        try:
            with budget.spend():
                found |= {
                    (kind, row[0]): _make_latency(row) for row in _read_latency(project_id, kind, keys, since, until)
                }
        except OutOfTimeError:
            break
    return found


def _read_latency(
    project_id: int, kind: str, keys: list[str], since: datetime, until: datetime
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _LATENCY.format(calls=_NEWEST_CALLS[kind]), [keys, project_id, since, until, project_id, LATENCY_CALLS]
        )
        return list(cursor)


_LATENCY = """
SELECT wanted.key, count(duration_ms), percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_ms),
    max(started_at)
FROM unnest(%s::text[]) AS wanted (key) CROSS JOIN LATERAL ({calls}) AS calls
GROUP BY wanted.key
"""
_CALLS_OF_TRACES = """
SELECT started_at, duration_ms FROM traces
WHERE project_id = %s AND started_at >= %s AND started_at < %s AND workflow_name = wanted.key
    AND deleted_at IS NULL AND event_count > 0 AND project_id = %s AND {no_rerun}
ORDER BY started_at DESC LIMIT %s
"""
_CALLS_OF_EVENTS = """
SELECT started_at, duration_ms FROM events
WHERE project_id = %s AND started_at >= %s AND started_at < %s AND {step} = wanted.key
    AND {no_rerun} AND (kind = 'tool' OR prompt_hash IS NOT NULL)
    AND trace_id NOT IN (SELECT trace_id FROM traces WHERE project_id = %s AND deleted_at IS NOT NULL)
ORDER BY started_at DESC LIMIT %s
"""
# Spelled as the index `events_by_step` is, and what its condition says.
_STEP_KEY = "(CASE WHEN kind = 'tool' THEN coalesce(nullif(tool_name, ''), name) ELSE prompt_hash END)"
_NEWEST_CALLS = {
    "workflow": _CALLS_OF_TRACES.format(no_rerun=NO_RERUN_SQL),
    "tool": _CALLS_OF_EVENTS.format(no_rerun=NO_RERUN_SQL, step=f"kind = 'tool' AND {_STEP_KEY}"),
    "prompt": _CALLS_OF_EVENTS.format(no_rerun=NO_RERUN_SQL, step=f"kind = 'ai' AND {_STEP_KEY}"),
}


def _make_latency(row: tuple[Any, ...]) -> StepLatency:
    _, ended, percentiles, last_started_at = row
    p50, p95 = percentiles or (None, None)
    return StepLatency(p50_ms=p50, p95_ms=p95, calls=ended, last_started_at=last_started_at)
