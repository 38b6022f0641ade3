"""Why a key was refused, for the project that it belongs to: the client itself is told no difference.

A refused request costs next to nothing: it is counted in memory, and told to the project every `TELL_SECONDS` a key
at most. What was counted since is told with the next one, so the figures are "at least".
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from channels.db import database_sync_to_async

from observability.models import ApiKey
from observability.services.keys import has_secret

TELL_SECONDS = 10.0
_MOST_KEYS = 10_000
_MOST_AT_ONCE = 1_000
_REASONS = {
    "key_revoked": "request: the API key {id} is revoked",
    "key_expired": "request: the API key {id} has expired",
    "key_wrong_secret": "request: the secret does not belong to the API key {id}",
}


@dataclass(frozen=True, slots=True)
class KeyRefusal:
    """Requests refused because of one key of a project."""

    project_id: int
    public_id: str
    code: str
    reason: str
    requests: int


_waiting: dict[str, tuple[float, int]] = {}
"""By public id: when the project may be told next, and how many requests wait for that."""


async def find_refusal(text: str) -> KeyRefusal | None:
    """Return what to tell the project of a key that was just refused; None for an unknown key, or too soon.

    One query by the unique public id, at most every `TELL_SECONDS` a key.
    """
    public_id, dot, secret = text.partition(".")
    if not dot or not 3 <= len(public_id) <= 40 or not public_id.isascii() or "\x00" in public_id:
        return None
    now = time.monotonic()
    due, requests = _waiting.get(public_id, (0.0, 0))
    if now < due:
        _waiting[public_id] = due, requests + 1
        return None
    if len(_waiting) >= _MOST_KEYS:
        _waiting.clear()
    _waiting[public_id] = now + TELL_SECONDS, 0
    return await database_sync_to_async(_find)(public_id, secret, min(requests + 1, _MOST_AT_ONCE))


def forget_refusals() -> None:
    """Forget what this process remembers."""
    _waiting.clear()


def _find(public_id: str, secret: str, requests: int) -> KeyRefusal | None:
    key = ApiKey.objects.select_related("project").filter(public_id=public_id).first()
    if key is None or key.project.deleted_at is not None:
        return None
    code = f"key_{key.state}" if has_secret(key, secret) else "key_wrong_secret"
    reason = _REASONS.get(code)
    if reason is None:
        # Active again: made valid between the refusal and this question.
        return None
    return KeyRefusal(key.project_id, public_id, code, reason.format(id=public_id), requests)
