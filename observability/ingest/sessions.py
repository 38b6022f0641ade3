"""What one request tells about the SDK session that sent it. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from observability.ingest.redaction import RedactionRules, redact_json


class SessionUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A session was seen; perhaps it ended. Joining two updates does not depend on their order."""

    session_id: str
    seen_at_us: int
    """Latest moment the session spoke: a heartbeat's, or the time of receipt, in microseconds."""
    ended_at_us: int | None = None
    metadata: dict[str, Any] = {}

    def join(self, other: SessionUpdate) -> SessionUpdate:
        """Return what both tell; of two metadata the later seen one."""
        later = max(self, other, key=lambda update: update.seen_at_us)
        ends = [end for end in (self.ended_at_us, other.ended_at_us) if end is not None]
        return SessionUpdate(
            session_id=self.session_id,
            seen_at_us=later.seen_at_us,
            ended_at_us=max(ends, default=None),
            metadata=later.metadata,
        )


def redact_session(update: SessionUpdate, rules: RedactionRules) -> SessionUpdate:
    """Return the update with what redaction finds in its metadata replaced."""
    given = msgspec.json.encode(update.metadata)
    clean = redact_json(given, rules)
    return update if clean is given else msgspec.structs.replace(update, metadata=msgspec.json.decode(clean))
