"""What this room does when the ground floor has stored a request (`observability.signals`): it looks at memory."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from observability.ingest.door.exchange import Delivery
from observability.services.keys import KeyIdentity
from reruns.replies import find_reply
from reruns.sampler import note_traces


def hear_stored_request(
    *, identity: KeyIdentity, delivery: Delivery, **kwargs: object
) -> Awaitable[dict[str, Any]] | None:
    """Remember traces that may be sampled, and return a trigger for the session that sent this, if one waits."""
    note_traces(identity.project_id, delivery)
    if delivery.session is None or "rerun" not in identity.scopes:
        return None
    return find_reply(identity.project_id, delivery.session.session_id)
