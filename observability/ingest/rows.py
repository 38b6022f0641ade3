"""Rows as the writer holds them: the columns of `events`, `payloads` and `log_records`, in COPY order.

The field order of each class is the column order of its COPY; `_us` fields are `timestamptz` columns without the
suffix. Pure: no database here.
"""

from __future__ import annotations

import msgspec

KEY_FIELDS = ("project_id", "trace_id", "started_at_us", "span_id")
EventKey = tuple[int, str, int, str]
"""Project, trace id, start in microseconds, span id."""
TraceKey = tuple[int, str]
"""Project, trace id."""


class EventRow(msgspec.Struct, kw_only=True, array_like=True):
    """One row of `events`. Only `version` and `error_fingerprint` are set after it was made, at its commit."""

    project_id: int
    trace_id: str
    started_at_us: int
    span_id: str
    version: int = 0
    received_at_us: int
    ended_at_us: int | None
    duration_ms: float | None
    parent_span_id: str | None
    kind: str
    name: str
    status: str
    source: str
    dialect: str | None
    flags: int
    error_type: str | None
    error_message: str | None
    model: str | None
    provider: str | None
    input_tokens: int | None
    cached_input_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    audio_in_tokens: int | None
    audio_out_tokens: int | None
    total_tokens: int | None
    cost_micros: int | None
    workflow_name: str | None
    session_id: str | None
    user_id: str | None
    environment: str | None
    service_name: str | None
    service_version: str | None
    correlation_id: str | None
    agent_name: str | None
    tags: list[str] | None
    prompt_hash: str | None
    prompt_name: str | None
    prompt_version: str | None
    tool_name: str | None
    input_preview: str | None
    output_preview: str | None
    input_bytes: int | None
    output_bytes: int | None
    resource_hash: bytes | None
    sdk_event_id: int | None
    rank: bytes
    field_ranks: dict[str, str] | None = None
    error_fingerprint: str | None = None

    @property
    def key(self) -> EventKey:
        """Return what makes the event unique."""
        return (self.project_id, self.trace_id, self.started_at_us, self.span_id)


class PayloadRow(msgspec.Struct, kw_only=True, array_like=True):
    """One row of `payloads`: packed values. None keeps what is stored when an event changes."""

    project_id: int
    trace_id: str
    started_at_us: int
    span_id: str
    input: bytes | None = None
    output: bytes | None = None
    attributes: bytes | None = None
    error_stack: bytes | None = None
    extra: bytes | None = None
    replay_input: bytes | None = None
    replay_output: bytes | None = None
    replay_extra: bytes | None = None


class LogRow(msgspec.Struct, kw_only=True, array_like=True):
    """One row of `log_records`. Immutable but for `version`, set at its commit."""

    project_id: int
    trace_id: str
    logged_at_us: int
    record_hash: bytes
    version: int = 0
    received_at_us: int
    span_id: str | None
    stream: str
    level: str
    type: str | None
    node: str | None
    sequence: int | None
    message: str
    fields: bytes | None
    resource_hash: bytes | None
    flags: int

    @property
    def key(self) -> EventKey:
        """Return what makes the record unique; `span_id`'s place holds the content hash."""
        return (self.project_id, self.trace_id, self.logged_at_us, self.record_hash.hex())


class SearchRow(msgspec.Struct, kw_only=True, array_like=True):
    """One row of `search_documents`; `terms` is a tsvector in its binary form, of which Postgres bounds the size."""

    project_id: int
    trace_id: str
    started_at_us: int
    version: int
    part: int
    segment_id: int
    terms: bytes


class SegmentRow(msgspec.Struct, kw_only=True, array_like=True):
    """One row of `search_segments`; `terms` is an `int4[]` in its binary form."""

    project_id: int
    started_at_us: int
    segment_id: int
    terms: bytes
