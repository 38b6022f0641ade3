"""Speaking to sockets from anywhere: a view, a task, a command. The only code that reaches them over Valkey.

Sockets live in web processes. Each of those that holds any has a mailbox, a pub/sub channel of its own, and is asked
there to hand over a trigger: by number only, since the row is the truth and values never pass through Valkey. Valkey
says how many listen, so a process that is gone is known at once; the process answers whether it could.
"""

from __future__ import annotations

import json
import uuid
from functools import cache
from typing import Any, Literal

import redis
import socketio
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

CHANNEL = "playhead.sockets"
"""Of python-socketio's own messages among web processes."""
ANSWER_SECONDS = 2.0
_CONNECT_SECONDS = 1.0

Answer = Literal["delivered", "refused", "gone", "silent", "unreachable"]


def mailbox_of(process: str) -> str:
    """Return the channel a web process listens to."""
    return f"playhead.mailbox.{process}"


def viewers_room(project_id: int) -> str:
    """Return the room of the signed-in people who watch a project over Socket.IO. SDKs never join it."""
    return f"observability:viewers:{project_id}"


def ask_to_deliver(*, process: str, sid: str, trigger_id: int) -> Answer:
    """Ask the process that holds a socket to hand over a trigger, and wait for its answer. Never raises.

    `gone`: nobody listens there any more. `silent`: no answer in `ANSWER_SECONDS`. `unreachable`: Valkey is.
    """
    reply = f"playhead.reply.{uuid.uuid4().hex}"
    message = json.dumps({"sid": sid, "trigger": trigger_id, "reply": reply})
    try:
        client = _get_client()
        if not client.publish(mailbox_of(process), message):
            return "gone"
        found: Any = client.blpop([reply], timeout=ANSWER_SECONDS)
    except redis.RedisError as error:
        log.warning("sockets.unreachable", error=repr(error))
        return "unreachable"
    if found is None:
        return "silent"
    return "delivered" if found[1] == b"delivered" else "refused"


def tell_viewers(project_id: int, event: str, payload: dict[str, Any]) -> None:
    """Tell the people who watch a project. Ids and states only: whoever hears it reads the rows. Never raises."""
    _get_manager().emit(event, payload, room=viewers_room(project_id))


@cache
def _get_client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.SOCKETS_URL, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS + 1
    )


@cache
def _get_manager() -> socketio.RedisManager:
    options = {"socket_connect_timeout": _CONNECT_SECONDS, "socket_timeout": ANSWER_SECONDS}
    return socketio.RedisManager(settings.SOCKETS_URL, channel=CHANNEL, write_only=True, redis_options=options)


def forget_clients() -> None:
    """Forget the connections to Valkey; the next use opens new ones."""
    _get_client.cache_clear()
    _get_manager.cache_clear()
