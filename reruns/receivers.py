"""What this room does when the ground floor has stored a request (`observability.signals`): it looks at memory.

Only a request with a rerun's own events, which are few, makes it write: which trace the run became.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import structlog
from channels.db import database_sync_to_async
from django.db import Error as StoreError

from observability.ingest.door.exchange import Delivery
from observability.services.keys import KeyIdentity
from reruns.replies import find_reply
from reruns.sampler import note_traces
from reruns.services.run_links import link_runs

log = structlog.get_logger(__name__)


def hear_stored_request(
    *, identity: KeyIdentity, delivery: Delivery, **kwargs: object
) -> Awaitable[dict[str, Any]] | None:
    """Remember traces that may be sampled, and return a trigger for the session that sent this, if one waits."""
    note_traces(identity.project_id, delivery)
    may_rerun = delivery.session is not None and "rerun" in identity.scopes
    reply = find_reply(identity.project_id, delivery.session.session_id) if delivery.session and may_rerun else None
    traces = [(event.run_id, event.trace_id) for event in delivery.decoded.events if event.run_id is not None]
    return _link(identity.project_id, traces, reply) if traces else reply


async def _link(
    project_id: int, traces: list[tuple[str, str]], reply: Awaitable[dict[str, Any]] | None
) -> dict[str, Any]:
    """Take the reply, which is a trigger's delivery, whatever becomes of the link."""
    members = {} if reply is None else await reply
    try:
        await database_sync_to_async(link_runs)(project_id=project_id, traces=traces)
    except StoreError as error:
        log.warning("run.not_linked", error=repr(error))
    return members
