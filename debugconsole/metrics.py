"""What the debug console counts (contract debug-console, 6.9). Alerts on it: docs/alerts/debug-console.rules.yml.

No label names a tenant, an extension or a person: there are a few of each value, whoever uses the product. What happens
once a line and viewer is not counted here as it happens: feeds keep their own account, which the hub carries over each
second (`readers/meter.py`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

from debugconsole.wire.lines import EntryId

_FAST = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

READ = Counter("debug_events_read", "Entries that were read, live or from before, by what printed them.", ["stream"])
MATCHED = Counter("debug_events_matched", "Lines that a viewer's filter let through, once a viewer.")
DELIVERED = Counter("debug_events_delivered", "Lines given to a viewer's connection, once a viewer.", ["transport"])
DROPPED = Counter("debug_events_dropped", "Lines that a viewer was not shown, once a viewer, by cause.", ["cause"])
LOST = Counter("debug_events_lost_retention", "Lines that were gone before a viewer could be shown them.")
REDACTED = Counter("debug_events_redacted", "Secrets that were hidden in entries that were read.", ["kind"])
WITHHELD = Counter("debug_events_withheld", "Entries that nobody is shown, since secrets in them could not be hidden.")
MISMATCHED = Counter("debug_tenant_mismatch", "Entries that name another tenant or extension than their stream's.")
UNDECODABLE = Counter("debug_decode_errors", "Entries that are no lines.")

SESSIONS = Counter("debug_sessions", "Sessions asked for: opened, or why not.", ["result"])
SESSION_ENDS = Counter("debug_session_end", "Sessions that are over, by why.", ["reason"])
DECISIONS = Counter("debug_policy_decisions", "What was decided, and the kind of rule that did.", ["effect", "rule"])
RESUMES = Counter("debug_resume", "Sessions that went on at a token: exact, lost, reset or invalid.", ["outcome"])
RECONNECTS = Counter("debug_reader_reconnects", "Times that a reader lost its server.")
AUDIT_FAILURES = Counter("debug_audit_write_failures", "Things not done because they could not be written down.")
POSTED = Counter("debug_lines_posted", "Lines posted over HTTP: accepted, or why not.", ["result"])
TRIMMED = Counter("debug_entries_trimmed", "Entries that the janitor trimmed.")

# Of what lives now, all processes together (`livesum`) or the worst of them (`livemax`).
OPEN = Gauge("debug_sessions_open", "Sessions that are being watched.", multiprocess_mode="livesum")
READERS = Gauge("debug_readers", "Streams that are being read.", multiprocess_mode="livesum")
LAG = Gauge(
    "debug_stream_lag_entries", "Entries that the reader furthest behind has yet to read.", multiprocess_mode="livemax"
)
LAG_SECONDS = Gauge("debug_stream_lag_seconds", "How old what that reader reads is.", multiprocess_mode="livemax")
FILL = Gauge("debug_queue_fill_ratio", "How full the fullest viewer's queue is.", multiprocess_mode="livemax")

END_TO_END = Histogram(
    "debug_end_to_end_seconds",
    "From an entry's arrival at its server to its being sent: the oldest line of each batch that is live.",
    buckets=_SLOW,
)
REDACT = Histogram("debug_redact_seconds", "Preparing an entry, redaction above all: one entry in 16.", buckets=_FAST)
SEND_BLOCK = Histogram("debug_send_block_seconds", "How long a client's connection took a message.", buckets=_SLOW)


def note_sent(ids: Sequence[EntryId], *, since: float) -> None:
    """Time a batch by its oldest line that came while its viewer looked on: since then, in seconds since 1970."""
    live = next((entry_id.ms / 1000 for entry_id in ids if entry_id.ms / 1000 >= since), None)
    if live is not None:
        END_TO_END.observe(max(0.0, time.time() - live))
