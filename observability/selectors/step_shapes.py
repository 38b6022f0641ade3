"""What the selectors of steps return. The conventions are those of `shapes`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from observability.selectors.shapes import Micros, Milliseconds, Time, Usd

StepKey = Annotated[str, Meta(description="A workflow's or tool's name; for a prompt the SHA-256 of its text.")]
ErrorRate = Annotated[float | None, Meta(description="Errors by calls, 0 to 1; null without calls.")]
Percentile = Annotated[float | None, Meta(description="Milliseconds, over the calls that have ended.")]


class StepSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A step's figures by bucket, all of one length, the oldest first."""

    started_at: Annotated[Time, Meta(description="Start of the first bucket.")]
    bucket_s: int
    calls: list[int]
    errors: list[int]
    mean_duration_ms: Annotated[list[float | None], Meta(description="null without calls.")]


class StepLatency(msgspec.Struct, frozen=True, kw_only=True):
    """How long a step's newest calls took, up to 200 of them."""

    p50_ms: Percentile
    p95_ms: Percentile
    calls: Annotated[int, Meta(description="So many calls, all that have ended.")]
    last_started_at: Time


class StepSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One discovered workflow, tool or prompt, with its figures over whole hours."""

    kind: str
    key: StepKey
    name: str
    workflow_name: str | None
    model: str | None
    is_unattributed: Annotated[bool, Meta(description="Stands for everything sent without a trace id of its own.")]
    calls: Annotated[int, Meta(description="Traces of a workflow; events of a tool or prompt.")]
    events: Annotated[int, Meta(description="All events in a workflow's traces; else as `calls`.")]
    errors: int
    error_rate: ErrorRate
    mean_duration_ms: Milliseconds
    total_tokens: int
    cost_micros: Annotated[int | None, Meta(description="Millionths of a US dollar, of the calls whose cost is known.")]
    cost_usd: Usd
    first_seen_at: Time
    last_hour: Annotated[Time | None, Meta(description="The last hour with a call, in the asked range.")]
    series: Annotated[StepSeries | None, Meta(description="If included.")] = None
    latency: Annotated[StepLatency | None, Meta(description="If included, and found in time.")] = None


class StepList(msgspec.Struct, frozen=True, kw_only=True):
    """The steps with the most calls first."""

    items: list[StepSummary]
    is_more: Annotated[bool, Meta(description="There are more steps than `limit`.")]


class StepCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a step: a trace of a workflow, or an event of a tool or prompt."""

    trace_id: str
    span_id: Annotated[str | None, Meta(description="The event; null for a workflow, whose call is the whole trace.")]
    id: Annotated[int | None, Meta(description="The event's number; null for a workflow.")]
    name: str
    status: str
    started_at: Time
    ended_at: Time | None
    duration_ms: Milliseconds
    workflow_name: str | None
    session_id: str | None
    user_id: str | None
    environment: str | None
    model: str | None
    total_tokens: int | None
    cost_micros: Micros
    cost_usd: Usd
    error_message: str | None
    input_preview: str | None
    output_preview: str | None


class StepCallPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some calls of a step, newest first."""

    items: list[StepCall]
    next_cursor: Annotated[str | None, Meta(description="Pass as `cursor` for the rows after these; null at the end.")]


class StepFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How the calls of one stretch of time went."""

    calls: int = 0
    errors: int = 0
    running: int = 0
    error_rate: ErrorRate = None
    p50_ms: Percentile = None
    p95_ms: Percentile = None
    p99_ms: Percentile = None
    total_tokens: int | None = None
    cost_micros: Micros = None
    cost_usd: Usd = None
    unpriced_calls: Annotated[int, Meta(description="Calls that spent tokens at a cost that is not known.")] = 0


class StepBucket(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one bucket of time."""

    started_at: Time
    figures: StepFigures


class StepError(msgspec.Struct, frozen=True, kw_only=True):
    """The newest call that failed."""

    trace_id: str
    span_id: str | None
    started_at: Time
    message: str | None


class StepHealth(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """How a step does over a stretch of time, as a whole and bucket by bucket."""

    kind: str
    key: StepKey
    name: str
    workflow_name: str | None
    model: str | None
    since: Time
    until: Time
    bucket_s: Annotated[int, Meta(description="Seconds of a bucket; the first and last may be cut by the range.")]
    totals: StepFigures
    buckets: list[StepBucket]
    last_error: StepError | None


class PromptVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One text that a prompt has had: a step of its own, with its figures over the asked time."""

    key: StepKey
    name: str
    label: Annotated[str | None, Meta(description="The version that the sender of its newest call gave.")]
    first_seen_at: Time
    calls: int
    errors: int
    error_rate: ErrorRate
    mean_duration_ms: Milliseconds
    cost_micros: Micros
    cost_usd: Usd


class PromptHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of a prompt, the newest first."""

    basis: Annotated[
        Literal["name", "agent", "workflow"],
        Meta(
            description="What they share: the name that senders gave; without one, the agent whose model calls have "
            "them; or only the workflow, and then they may be prompts of their own."
        ),
    ]
    agent_name: str | None
    items: list[PromptVersion]
    is_more: bool


class PromptText(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a prompt, from its newest call."""

    key: StepKey
    text: Annotated[str | None, Meta(description="null where that call's values do not hold it.")]
    is_redacted: Annotated[bool, Meta(description="What is stored differs from what was sent: a rule hid parts.")]
    trace_id: Annotated[str | None, Meta(description="Where the newest call is.")]
    span_id: str | None
