"""The pages' WebSocket: authorise, join, forward.

The browser subscribes with `{"subscribe": {"project": <id>, "trace": "<id>"? or "rerun": <number>?}}` and hears
`{"type": "live.joined"}`, hints as `observability.live.Hint` and `RerunHint`, and every few seconds
`{"type": "live.beat"}`. A beat has travelled through the channel layer like any hint, so a page that hears none knows
that hints are not arriving either (a dead Valkey, say), tells its reader and polls. A refusal is
`{"type": "live.refused"}`.

Closed with 4401: not signed in. 4403: access was taken away. 1013: Valkey or Postgres cannot be reached, come back;
the page polls meanwhile.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, cast

import structlog
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import DatabaseError

from observability import live
from observability.errors import ObservabilityError
from observability.models import User
from observability.selectors.access import get_project_by_id_for_user

log = structlog.get_logger(__name__)

BEAT_SECONDS = 4.0
_MOST_GROUPS = 4


class LiveConsumer(AsyncJsonWebsocketConsumer):
    """One open page."""

    user: User
    groups_joined: dict[str, int]
    _beating: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve until either side ends it; what the page joined is left on every way out."""
        self.groups_joined = {}
        try:
            await super().__call__(scope, receive, send)
        except (*live.LAYER_ERRORS, DatabaseError) as error:
            log.warning("live.unavailable", error=repr(error))
            # The page may have gone already.
            with suppress(OSError, RuntimeError):
                await send({"type": "websocket.close", "code": 1013})
        finally:
            await self._leave()

    async def connect(self) -> None:
        """Take signed-in people only."""
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            # Closed before it was accepted, a page would see a failed handshake and no code.
            await self.accept()
            await self.close(code=4401)
            # What the page has sent already is not read.
            raise StopConsumer
        self.user = cast("User", user)
        await self.accept()
        self._beating = asyncio.create_task(self._beat())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Read what the page said. What is no JSON is refused as any other request that names nothing."""
        try:
            content = json.loads(text_data or "")
        except (ValueError, RecursionError):
            content = None
        await self.receive_json(content)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Join the groups of a project, and of one trace, after checking that the person may see them."""
        wanted = content.get("subscribe") if isinstance(content, dict) else None
        wanted = wanted if isinstance(wanted, dict) else {}
        project_id = wanted.get("project")
        if not isinstance(project_id, int) or len(self.groups_joined) >= _MOST_GROUPS:
            await self.send_json({"type": "live.refused", "detail": "subscribe: name a project by its number"})
            return
        if not await self._may_see(project_id):
            await self.send_json({"type": "live.refused", "detail": "No such project."})
            return
        group = _find_group(project_id, wanted)
        self.groups_joined[group] = project_id
        await self.channel_layer.group_add(group, self.channel_name)
        await self.send_json({"type": "live.joined", "project": project_id})

    async def trace_changed(self, event: live.Hint) -> None:
        """Forward a hint."""
        await self.send_json(event)

    async def rerun_changed(self, event: live.RerunHint) -> None:
        """Forward a hint."""
        await self.send_json(event)

    async def live_beat(self, event: dict[str, Any]) -> None:
        """Forward a beat that came back through the channel layer."""
        await self.send_json({"type": "live.beat"})

    async def _may_see(self, project_id: int) -> bool:
        try:
            await database_sync_to_async(get_project_by_id_for_user)(self.user, project_id)
        except ObservabilityError:
            return False
        return True

    async def _beat(self) -> None:
        """Send ourselves a message through the channel layer now and then; end when access was taken away."""
        while True:
            # A beat that does not arrive is the message.
            with suppress(*live.LAYER_ERRORS):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self.channel_layer.send(self.channel_name, {"type": "live.beat"})
            await asyncio.sleep(BEAT_SECONDS)
            if not await self._may_still_see():
                await self.close(code=4403)
                return

    async def _may_still_see(self) -> bool:
        """Ask again for every project joined. While Postgres cannot answer, nothing is taken away."""
        try:
            return all([await self._may_see(project_id) for project_id in set(self.groups_joined.values())])
        except DatabaseError:
            return True

    async def _leave(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        for group in self.groups_joined:
            with suppress(*live.LAYER_ERRORS):
                await self.channel_layer.group_discard(group, self.channel_name)


def _find_group(project_id: int, wanted: dict[str, Any]) -> str:
    """Return the group of one trace, of one rerun, or of the project."""
    trace_id, number = wanted.get("trace"), wanted.get("rerun")
    if isinstance(trace_id, str):
        return live.trace_group(project_id, trace_id)
    return live.rerun_group(project_id, number) if isinstance(number, int) else live.project_group(project_id)
