"""The typed values every wire format becomes.

A wire format (`sdk`, `otlp`) is a pure function from bytes to `Decoded`; the writer turns `Decoded` into rows.
Nothing here knows a table, a project or a request.

Conventions
-----------
- Times are integer microseconds since the epoch, UTC. Durations are milliseconds where the name says so.
- A *value* (input, output, attributes) is UTF-8 JSON text in bytes, exact as received, not yet redacted.
- `None` means "this half of the event does not say"; the merge keeps what another half said.
- Strings never contain NUL (`clean_text` in `ingest/text.py` replaces it): Postgres cannot store it.
"""

from __future__ import annotations

import enum

import msgspec


class Kind(enum.StrEnum):
    """What an event is. The order is the order of filters and legends on the pages."""

    WORKFLOW = "workflow"
    AGENT = "agent"
    NODE = "node"
    AI = "ai"
    TOOL = "tool"
    HTTP = "http"
    DB = "db"
    SIDE_EFFECT = "side_effect"
    EVENT = "event"
    SPAN = "span"


class Status(enum.StrEnum):
    """Where an event stands. `unset` is ended without a verdict (OTLP's UNSET) and reads as ok."""

    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    UNSET = "unset"


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one model call, in the closed token classes of contract `governance.md` section 4.

    `input` excludes `cached_input`, `cache_write` and `audio_in`; `output` excludes `reasoning` and `audio_out`.
    `None` is unknown, never 0.
    `total` is what the provider said, or the sum of the known classes.
    `estimated` marks a split that was guessed from a total.
    """

    input: int | None = None
    cached_input: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None
    audio_in: int | None = None
    audio_out: int | None = None
    total: int | None = None
    estimated: bool = False


class ResourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes shared by many events of one batch (OTLP resource and scope, SDK session metadata).

    `attributes` is the JSON text of `{"resource": {...}, "scope": {...}}` or `{"metadata": {...}}`.
    Stored once per project and content; events refer to it.
    """

    attributes: bytes


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One half (started or ended) or the whole of one timed step of a trace.

    Keys: (`trace_id`, `started_at_us`, `span_id`) within a project. `parent_span_id` is "" for a root and
    None when unknown.
    """

    trace_id: str
    span_id: str
    started_at_us: int
    ended_at_us: int | None
    kind: str
    name: str
    status: str
    source: str
    """The door it came through: `sdk` or `otlp`."""

    parent_span_id: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    error_stack: str | None = None

    model: str | None = None
    provider: str | None = None
    usage: Usage | None = None
    cost_micros: int | None = None
    """Cost in millionths of a US dollar, only when the sender itself stated it."""

    workflow_name: str | None = None
    """Stated explicitly by the sender; the fallback to the root event's name is made in the summary."""
    session_id: str | None = None
    user_id: str | None = None
    environment: str | None = None
    service_name: str | None = None
    service_version: str | None = None
    correlation_id: str | None = None
    agent_name: str | None = None
    tags: tuple[str, ...] = ()

    prompt_hash: str | None = None
    """Hex sha256 of the system prompt of an `ai` event; identity of a `prompt` step."""
    prompt_name: str | None = None
    prompt_version: str | None = None
    tool_name: str | None = None
    """Name of the tool a `tool` event called, when it differs from the event's name."""

    input: bytes | None = None
    output: bytes | None = None
    attributes: bytes | None = None
    """JSON object of all raw attributes the sender gave this event."""
    extra: bytes | None = None
    """JSON object of what has no column: `links`, `streamed`, `stream_raw`, `parameters`, ..."""

    resource: ResourceRecord | None = None
    dialect: str | None = None
    """Which dialect understood an OTLP span, for the coverage page."""
    sdk_event_id: int | None = None
    """The SDK's own event counter, for replay ordinals."""
    run_id: str | None = None
    """The rerun it is of, by what the sender calls it; None for production."""


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line or point in time in a trace. `trace_id` may be "" (a log sent outside any trace).

    Immutable: the same content sent twice is one row.
    """

    trace_id: str
    logged_at_us: int
    stream: str
    """`stdout`, `stderr`, `log` or `event`."""
    level: str
    """`debug`, `info`, `warn` or `error`."""
    message: str
    span_id: str | None = None
    type: str | None = None
    node: str | None = None
    sequence: int | None = None
    fields: bytes | None = None
    """JSON object of structured fields."""
    resource: ResourceRecord | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a request that cannot be stored, and why, in words that help the sender fix it."""

    index: int
    """Position of the item in the request, counted over all items of the same signal from 0."""
    reason: str
    """One sentence naming the field at fault."""
    code: str = "invalid"
    """Stable cause for counters: `invalid`, `too_large`, `own_traffic`, `trace_deleted`, `unstorable`."""
    trace_id: str | None = None
    """The trace it says it belongs to, and the span it is, as far as it could be read: for who looks for it."""
    span_id: str | None = None


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """What one request held: the good items, and the bad ones beside them."""

    events: tuple[EventRecord, ...] = ()
    logs: tuple[LogRecord, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    event_indexes: tuple[int, ...] = ()
    """Position in the request of each entry of `events`, so that a later rejection can name it."""


class WriteResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit did with one request's records. `accepted` counts new and changed rows."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejected, ...] = ()
