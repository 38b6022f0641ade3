"""What the selectors of system metrics return. The conventions are those of `shapes`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from observability.selectors.shapes import Micros, Milliseconds, Time, Usd

Share = Annotated[float | None, Meta(description="0 to 1; null when there is nothing to share.")]
Percentile = Annotated[float | None, Meta(description="Milliseconds, interpolated, over what has ended.")]


class TraceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How the traces that started in one stretch of time went."""

    traces: int = 0
    ok: int = 0
    errors: int = 0
    running: int = 0
    success_rate: Share = None
    error_rate: Share = None
    p50_ms: Percentile = None
    p95_ms: Percentile = None
    p99_ms: Percentile = None
    events: int = 0
    total_tokens: int = 0
    cost_micros: Micros = None
    cost_usd: Usd = None
    unpriced_traces: Annotated[int, Meta(description="Traces with model calls whose cost is not known.")] = 0


class MetricBucket(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one bucket of time."""

    started_at: Time
    per_minute: Annotated[float, Meta(description="Traces a minute, over the part of the bucket in the range.")]
    figures: TraceFigures


class KindFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How the events of one kind went."""

    kind: str
    events: int
    errors: int
    error_rate: Share
    p50_ms: Percentile
    p95_ms: Percentile
    p99_ms: Percentile


class SystemMetrics(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """Traffic, errors, latency, tokens and cost of a project, whole, against the time before, and by bucket."""

    since: Time
    until: Time
    previous_since: Annotated[Time, Meta(description="Start of the stretch of equal length before `from`.")]
    bucket_s: Annotated[int, Meta(description="Seconds of a bucket; the first and last may be cut by the range.")]
    totals: TraceFigures
    previous: Annotated[TraceFigures | None, Meta(description="Null when counting it took too long.")]
    buckets: list[MetricBucket]
    kinds: Annotated[list[KindFigures], Meta(description="By kind of event, the most events first.")] = msgspec.field(
        default_factory=list
    )
    is_partial: Annotated[bool, Meta(description="Counting took too long: traces before `covered_from` are not in.")]
    covered_from: Time | None = None
    kinds_from: Annotated[Time | None, Meta(description="As `covered_from`, for `kinds`; null when all are in.")] = None


class BusyWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """One workflow among the busiest."""

    workflow_name: str
    traces: int
    errors: int
    error_rate: Share
    p95_ms: Milliseconds
    cost_micros: Micros
