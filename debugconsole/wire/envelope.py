"""What viewers are sent, the same over WebSocket, SSE and long-poll (contract debug-console, 6.3).

`Hello` first, then batches of lines, heartbeats with numbers, notices, and at last `End`, which says why. Whatever is
not shown is told by a notice with its cause and count, so that what was produced, from the first line on, is what was
delivered and what was counted.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec


class Cause(enum.StrEnum):
    """Why a line is not shown."""

    SLOW_CLIENT = "slow_client"
    """The viewer reads slower than lines come, and its queue was full."""
    RATE_LIMIT = "rate_limit"
    """More lines a second than a session is sent."""
    BYTE_BUDGET = "byte_budget"
    """More bytes a second than a session is sent."""
    SAMPLED = "sampled"
    """The viewer asked for a share of the lines."""
    PAUSED = "paused"
    """The viewer paused for longer than its queue is long."""
    RETENTION = "retention"
    """Trimmed from the stream, or too old to be shown, before it was read."""
    REDACTION_WITHHELD = "redaction_withheld"
    """Its secrets could not be hidden."""
    DECODE_ERROR = "decode_error"
    """The entry is no line."""
    FOREIGN = "foreign"
    """It names another tenant or extension than its stream's."""
    ENDED = "ended"
    """Still waiting when the session ended."""


class NoticeCode(enum.StrEnum):
    """What a notice tells."""

    DROPPED = "dropped"
    SAMPLING_ON = "sampling_on"
    SAMPLING_OFF = "sampling_off"
    TRUNCATED = "truncated"
    RESET = "reset"
    CURSOR_TOO_OLD = "cursor_too_old"
    SOURCE_UNAVAILABLE = "source_unavailable"
    SOURCE_RECOVERED = "source_recovered"
    SOURCE_DENIED = "source_denied"
    DEGRADED = "degraded"
    EXPIRING = "expiring"
    PAUSED = "paused"
    """Not by this connection's client: `detail` says why, `idle` or `elsewhere`."""
    RESUMED = "resumed"
    FILTER_CHANGED = "filter_changed"
    """By another connection. `detail` is the filter, `from` the first ordinal that it alone decides."""
    SAMPLE_CHANGED = "sample_changed"
    """By another connection, to `rate`."""
    POLICY_CHANGED = "policy_changed"
    CLOCK_SKEW = "clock_skew"


ONE_PROCESS = "single_process"
"""The scope of lines that one process shows and no other."""


class EndReason(enum.StrEnum):
    """Why a session is over."""

    CLOSED = "closed"
    EXPIRED = "expired"
    REVOKED = "revoked"
    POLICY_CHANGED = "policy_changed"
    SLOW_CONSUMER = "slow_consumer"
    REPLACED = "replaced"
    IDLE = "idle"
    BUDGET = "budget"
    SERVER_DRAIN = "server_drain"
    LOST = "lost"
    UNVERIFIABLE = "unverifiable"
    """Whether the viewer still may look could not be found out for too long."""


class SourceState(enum.StrEnum):
    """What a reader is doing. Only `LIVE` is live."""

    CONNECTING = "connecting"
    LIVE = "live"
    UNAVAILABLE = "unavailable"
    DENIED = "denied"
    CLOSED = "closed"


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="notice"):
    """Something a viewer must be told. `from` and `to` are ordinals of lines in the stream."""

    code: NoticeCode
    count: int | None = None
    cause: Cause | None = None
    from_: int | None = msgspec.field(default=None, name="from")
    to: int | None = None
    by_level: dict[str, int] | None = None
    lost: int | None = None
    outage_ms: int | None = None
    rate: float | None = None
    scope: str | None = None
    seconds: int | None = msgspec.field(default=None, name="in")
    ms: int | None = None
    detail: str | None = None


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="hello"):
    """The first message. `resume` is `new`, `exact`, `lost`, `reset`, or `pending` while the stream cannot be read.

    `lost` is told by notices too, at its place.
    """

    session: str
    server_time: str
    expires_at: str
    hard_expires_at: str
    resume: str
    lost: int
    after: str
    filter: str
    paused: bool
    sample: float
    limits: dict[str, Any]
    state: SourceState


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="batch"):
    """A stretch of the stream: its lines, oldest first, and a notice of what is not shown among them, by cause.

    One message, so that whoever goes on from `after` was told of everything before it, and of nothing behind it.
    `n` are the first and last ordinal accounted for: so many are events, `filtered`, or counted by a notice. Lines with
    a `scope` are no entries of the stream, so they come in a batch of their own, whose `n` ends before it begins.
    """

    events: list[msgspec.Raw]
    n: tuple[int, int]
    after: str
    notices: list[Notice] = []
    filtered: int = 0


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="hb"):
    """Numbers, also when nothing happens."""

    lag: int
    queued: int
    sent: int
    dropped: int
    filtered: int
    lost: int
    rate: float
    expires_in: int
    state: SourceState
    after: str


class End(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="end"):
    """The last message. `retry_ms` is there when coming back is worth it."""

    reason: EndReason
    retry_ms: int | None = None
    detail: str | None = None


Message = Hello | Batch | Heartbeat | Notice | End
_encoder = msgspec.json.Encoder()


def encode_message(message: Message) -> bytes:
    """Return a message as JSON. Lines in it are joined as they are."""
    return _encoder.encode(message)
