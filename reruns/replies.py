"""Triggers that ride on the replies to batches (B1.2): the way that needs neither socket nor Valkey.

Which sessions one waits for is known from memory, at most two seconds old, so a batch of any other session costs a
look into a set.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from channels.db import database_sync_to_async

from reruns.services.delivery import begin_reply, list_replying_sessions
from reruns.snapshots import Snapshot

_waiting: Snapshot[set[tuple[int, str]]] = Snapshot(list_replying_sessions, empty=set(), seconds=2.0)


def find_reply(project_id: int, session_id: str) -> Awaitable[dict[str, Any]] | None:
    """Return what to add to the reply to a session's batch, or None when nothing waits for it."""
    if (project_id, session_id) not in _waiting.look():
        return None
    return _take(project_id, session_id)


async def renew_replies() -> None:
    """Look now which sessions a trigger waits for."""
    await _waiting.renew()


async def _take(project_id: int, session_id: str) -> dict[str, Any]:
    message = await database_sync_to_async(begin_reply)(project_id=project_id, session_id=session_id)
    return {} if message is None else {"trigger": message.payload}
