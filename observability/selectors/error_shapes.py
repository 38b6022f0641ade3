"""What the selectors of errors return. The conventions are those of `shapes`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from observability.selectors.shapes import Milliseconds, Time

Fingerprint = Annotated[str, Meta(description="16 hexadecimal digits, of kind, name and normalised message.")]


class ErrorSample(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence of an error."""

    id: int
    trace_id: str
    span_id: str
    started_at: Time
    message: str | None
    error_type: str | None
    duration_ms: Milliseconds
    workflow_name: str | None
    model: str | None
    environment: str | None
    service_version: str | None
    user_id: str | None


class ErrorSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Errors that are the same but for what differs each time."""

    fingerprint: Fingerprint
    kind: str
    name: str
    message: Annotated[str, Meta(description="Numbers, ids, quoted text, paths and times are replaced.")]
    count: Annotated[int, Meta(description="Events in the range.")]
    previous_count: Annotated[int, Meta(description="Events in the stretch of equal length before.")]
    traces: Annotated[int, Meta(description="Traces among the newest 1,000 of these events.")]
    is_more_traces: Annotated[bool, Meta(description="There are more events than were looked at for `traces`.")]
    series: Annotated[list[int], Meta(description="Events by bucket, the oldest first.")]
    first_seen_at: Annotated[Time, Meta(description="Ever, not only in the range.")]
    last_seen_at: Annotated[Time, Meta(description="In the range.")]
    is_new: Annotated[bool, Meta(description="Seen for the first time in the range.")]
    sample: ErrorSample


class ErrorPage(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """Some errors of a range."""

    items: list[ErrorSummary]
    next_cursor: Annotated[str | None, Meta(description="Pass as `cursor` for the rows after these; null at the end.")]
    since: Time
    until: Time
    bucket_s: int
    is_partial: Annotated[bool, Meta(description="Counting took too long: events before `covered_from` are not in.")]
    covered_from: Time | None = None


class ErrorShare(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the looked-at events have one value."""

    value: str | None
    count: int


class ErrorBreakdown(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest events of an error have in common."""

    events: Annotated[int, Meta(description="Events looked at, the newest ones.")]
    workflows: list[ErrorShare]
    models: list[ErrorShare]
    environments: list[ErrorShare]
    versions: list[ErrorShare]


class ErrorBucket(msgspec.Struct, frozen=True, kw_only=True):
    """The occurrences in one bucket of time."""

    started_at: Time
    count: int


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """One error over a stretch of time."""

    fingerprint: Fingerprint
    kind: str
    name: str
    message: str
    since: Time
    until: Time
    bucket_s: int
    count: int
    previous_count: int
    traces: int
    is_more_traces: bool
    first_seen_at: Time | None
    last_seen_at: Annotated[Time | None, Meta(description="Ever, not only in the range.")]
    buckets: list[ErrorBucket]
    breakdown: ErrorBreakdown
    samples: list[ErrorSample]
    next_cursor: Annotated[str | None, Meta(description="Pass as `cursor` for the samples after these.")]
