"""The pages' WebSocket: authorise, join, forward.

The browser subscribes with `{"subscribe": {"project": <id>, "trace": "<id>"?}}` and hears
`{"type": "live.joined"}`, hints as `observability.live.Hint`, and every few seconds `{"type": "live.beat"}`.
A beat has travelled through the channel layer like any hint, so a page that hears none knows that hints are not
arriving either (a dead Valkey, say), tells its reader and polls. A refusal is `{"type": "live.refused"}`.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from observability import live
from observability.errors import ObservabilityError
from observability.models import User
from observability.selectors.access import get_project_by_id_for_user

BEAT_SECONDS = 4.0
_MOST_GROUPS = 4


class LiveConsumer(AsyncJsonWebsocketConsumer):
    """One open page."""

    user: User
    groups_joined: dict[str, int]
    _beating: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Take signed-in people only."""
        self.groups_joined = {}
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.close(code=4401)
            return
        self.user = cast("User", user)
        await self.accept()
        self._beating = asyncio.create_task(self._beat())

    async def disconnect(self, code: int) -> None:
        """Leave every group."""
        if self._beating is not None:
            self._beating.cancel()
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

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
        trace_id = wanted.get("trace")
        group = live.trace_group(project_id, trace_id) if isinstance(trace_id, str) else live.project_group(project_id)
        self.groups_joined[group] = project_id
        await self.channel_layer.group_add(group, self.channel_name)
        await self.send_json({"type": "live.joined", "project": project_id})

    async def trace_changed(self, event: live.Hint) -> None:
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
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    await self.channel_layer.send(self.channel_name, {"type": "live.beat"})
            except Exception:  # noqa: S110 - a beat that does not arrive is the message
                pass
            await asyncio.sleep(BEAT_SECONDS)
            for project_id in set(self.groups_joined.values()):
                if not await self._may_see(project_id):
                    await self.close(code=4403)
                    return
