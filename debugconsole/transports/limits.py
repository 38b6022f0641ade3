"""Bounds of every transport (contract debug-console, 6.5)."""

from __future__ import annotations

from typing import Any

from debugconsole.filters.parse import MOST_CHARACTERS
from debugconsole.models import DebugSession
from debugconsole.readers.feed import FeedLimits
from debugconsole.wire.entries import MESSAGE_BYTES

MOST_UNACKED = 2_000
BATCH_EVENTS = 200
BATCH_BYTES = 65_536
BATCH_SECONDS = 0.1
"""Lines of this long go out together. The first after a silence goes at once."""
HEARTBEAT_SECONDS = 15.0
BUSY_HEARTBEAT_SECONDS = 2.0
"""While numbers change: a meter that moves every 15 seconds is none."""
CONNECTING_SECONDS = 0.1
"""How soon it is looked again whether the source has answered."""
STALL_SECONDS = 10.0
"""How long one message may wait for a client that does not read."""
UNBOUNDED_BYTES = 2 * 2**20
"""Of a stream behind a server that takes all it is given, whether or not the client reads."""
REOPEN_MS = 1_000
POLL_SECONDS = 20.0
POLL_EVENTS = 500
POLL_MOST_EVENTS = 2_000
POLL_BYTES = 2**20
POLL_KEPT_SECONDS = 30.0
"""How long a session goes on between two polls as if its client were connected."""
EXPIRING_SECONDS = 60.0
IDLE_PAUSE_SECONDS = 120.0
IDLE_END_SECONDS = 600.0
FRAME_BYTES = 8_192
"""Of what a client says."""


def describe_limits(session: DebugSession) -> dict[str, Any]:
    """Return the bounds that a client may want to know, as `hello` says them."""
    queue = FeedLimits()
    return {
        "unacked": MOST_UNACKED,
        "batch_events": BATCH_EVENTS,
        "batch_bytes": BATCH_BYTES,
        "lines_per_second": session.lines_per_second,
        "queue_lines": queue.lines,
        "queue_bytes": queue.bytes,
        "message_bytes": MESSAGE_BYTES,
        "filter_characters": MOST_CHARACTERS,
        "heartbeat_seconds": int(HEARTBEAT_SECONDS),
        "idle_pause_seconds": int(IDLE_PAUSE_SECONDS),
        "idle_end_seconds": int(IDLE_END_SECONDS),
    }
