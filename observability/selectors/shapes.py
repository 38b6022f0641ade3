"""What selectors return: finished, typed values that templates print and the API sends as they are.

Field names are the API's. Times are aware; durations are milliseconds; money is integer millionths of a US dollar
(`cost_micros`) with the same amount as a decimal string beside it (`cost_usd`), both null while unknown.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

from observability.flags import list_flags

Time = Annotated[datetime, Meta(tz=True)]
Micros = Annotated[int | None, Meta(description="Millionths of a US dollar; null while unknown.")]
Usd = Annotated[str | None, Meta(description="The same cost in US dollars, six decimals.")]
Flags = Annotated[
    tuple[str, ...], Meta(description="What a reader must be told, such as `redacted` or `time_suspect`.")
]
Milliseconds = Annotated[float | None, Meta(description="Milliseconds; null while running.")]


class TraceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a workflow or agent, as lists show it."""

    trace_id: str
    workflow_name: str
    status: Annotated[str, Meta(description="`running` while any event is open, else `ok` or `error`.")]
    started_at: Time
    ended_at: Time | None
    duration_ms: Milliseconds
    event_count: int
    open_count: Annotated[int, Meta(description="Events still running.")]
    error_count: int
    log_count: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost_micros: Micros
    cost_usd: Usd
    unpriced_count: Annotated[int, Meta(description="Model calls whose cost is unknown and not in `cost_micros`.")]
    model_names: list[str]
    session_id: str | None
    user_id: str | None
    environment: str | None
    service_name: str | None
    service_version: str | None
    correlation_id: str | None
    agent_name: str | None
    tags: list[str]
    source: Annotated[str, Meta(description="The door it came through: `sdk` or `otlp`.")]
    input_preview: str | None
    output_preview: str | None
    error_message: str | None
    flags: Flags
    version: Annotated[int, Meta(description="Counts the commits that touched the trace.")]
    created_at: Time
    updated_at: Time


class TracePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some traces, newest first."""

    items: list[TraceSummary]
    next_cursor: Annotated[str | None, Meta(description="Pass as `cursor` for the rows after these; null at the end.")]
    newest_cursor: Annotated[str, Meta(description="Pass as `newer_than` to count what has arrived since.")]
    is_partial: Annotated[
        bool,
        Meta(
            description="The query ran out of its time: these are the matches down to `covered_from`, go on from there."
        ),
    ] = False
    covered_from: Annotated[Time | None, Meta(description="How far back a partial answer has looked.")] = None


class NewerTraces(msgspec.Struct, frozen=True, kw_only=True):
    """How many traces that match the filters have started since a page was read."""

    count: int
    is_more: Annotated[bool, Meta(description="There are more than `count`; counting stopped.")]


class EventSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One timed step of a trace, as timelines show it. Fields that would be null, empty or false are left out."""

    id: Annotated[int, Meta(description="The number clients name events by (`originalEventDbId`).")]
    span_id: str
    parent_span_id: Annotated[str | None, Meta(description="Empty or absent for a root.")] = None
    kind: str
    name: str
    status: Annotated[str, Meta(description="`running`, `ok`, `error`, or `unset`: ended without a verdict.")]
    started_at: Time
    ended_at: Time | None = None
    duration_ms: Milliseconds = None
    version: Annotated[int, Meta(description="The version of its trace that changed it last.")]
    error_type: str | None = None
    error_message: str | None = None
    model: str | None = None
    provider: str | None = None
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_in_tokens: int | None = None
    audio_out_tokens: int | None = None
    total_tokens: int | None = None
    cost_micros: Micros = None
    cost_usd: Usd = None
    agent_name: str | None = None
    tool_name: str | None = None
    prompt_hash: str | None = None
    prompt_name: str | None = None
    input_preview: str | None = None
    output_preview: str | None = None
    flags: Flags = ()
    inferred: Annotated[
        bool,
        Meta(description="Sent without a trace id; shown here because this was the session's latest workflow."),
    ] = False
    stored_trace_id: Annotated[str | None, Meta(description="The trace an inferred event is stored under.")] = None


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some events of a trace, by start and span id."""

    items: list[EventSummary]
    next_cursor: Annotated[str | None, Meta(description="Pass as `cursor` for the rows after these; null at the end.")]
    since: Annotated[str, Meta(description="Pass as `since`, from the first page, to read later only what changed.")]


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line or point in time in a trace."""

    id: int
    logged_at: Time
    stream: Annotated[str, Meta(description="`stdout`, `stderr`, `log` or `event`.")]
    level: Annotated[str, Meta(description="`debug`, `info`, `warn` or `error`.")]
    message: str
    span_id: str | None
    type: str | None
    node: str | None
    sequence: int | None
    fields: Annotated[msgspec.Raw | None, Meta(description="Structured fields as received, redacted.")]
    omitted_bytes: Annotated[
        int | None, Meta(description="Size of fields too large to show here; read them on their own.")
    ] = None
    flags: Flags
    version: int


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some log records of a trace, in time."""

    items: list[LogLine]
    next_cursor: Annotated[str | None, Meta(description="Pass as `cursor` for the rows after these; null at the end.")]
    since: Annotated[int, Meta(description="Pass as `since`, from the first page, to read later only what came after.")]


class LogCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many log records have a value."""

    value: str
    count: int


class LogCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many log records of a trace there are of each sort, the most first."""

    levels: list[LogCount]
    streams: list[LogCount]
    nodes: list[LogCount]
    is_partial: Annotated[bool, Meta(description="There were more than could be counted, or named.")]


def format_usd(micros: int | None) -> str | None:
    """Return millionths of a dollar as a decimal string, or None while unknown."""
    if micros is None:
        return None
    dollars, rest = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}{dollars}.{rest:06d}"


@lru_cache(maxsize=512)
def name_flags(flags: int) -> tuple[str, ...]:
    """Return the names of the flags a reader must be told of; which values a payload has is not among them."""
    return tuple(name for name in list_flags(flags) if not name.startswith("has_"))
