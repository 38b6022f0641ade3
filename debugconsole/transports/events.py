"""`GET /api/debug/sessions/<id>/events`: a session's lines as server-sent events (contract debug-console, 6.3).

A signed-in person or a key goes on for as long as the session does; who has neither brings the session's ticket, which
opens one stream. `?after=` or the browser's `Last-Event-ID` says where to go on. A session that is over is answered
with 204, at which browsers stop coming back; `?strict=1` answers 410 where something is lost.

`send` waits for a client that does not read, and so do the lines, in the bounded queue. Behind a server whose `send`
does not wait, a stream ends after `UNBOUNDED_BYTES` and asks to be opened again.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import structlog
from channels.db import database_sync_to_async
from django.conf import settings

from debugconsole.errors import ConsoleOffError, CursorExpiredError, EndedError
from debugconsole.models import DebugSession
from debugconsole.readers.feed import Feed
from debugconsole.services.sessions import get_session_for_viewer, redeem_ticket
from debugconsole.transports import frames, limits
from debugconsole.transports.exchange import (
    NotAllowedError,
    Request,
    StalledError,
    answer,
    begin_answer,
    send_part,
    wait_gone,
)
from debugconsole.transports.telling import Teller
from debugconsole.viewing import begin, finish, token_of
from debugconsole.wire.envelope import EndReason
from debugconsole.wire.tokens import Position

log = structlog.get_logger(__name__)

_LOST = ("lost", "reset")


async def serve_events(scope: Any, receive: Any, send: Any, session_id: UUID) -> None:
    """Serve one request."""
    request = Request(scope)
    if request.method != "GET":
        raise NotAllowedError("Ask with GET.")
    request.check_parameters("after", "ticket", "strict")
    session = await database_sync_to_async(find_session)(request, session_id)
    try:
        feed = await begin(session, after=request.query.get("after") or request.header(b"last-event-id"))
    except EndedError:
        await answer(send, 204)
        return
    await Stream(feed, request, receive, send).hold()


def find_session(request: Request, session_id: UUID) -> DebugSession:
    """Return the session that the request is about, to whom it may be shown. Synchronous."""
    if not settings.DEBUG_CONSOLE_ENABLED:
        raise ConsoleOffError("No such page.")
    ticket = request.query.get("ticket")
    if ticket:
        return redeem_ticket(session_id=session_id, ticket=ticket)
    return get_session_for_viewer(request.find_watcher(), session_id)


class Stream:
    """One stream and its feed."""

    def __init__(
        self,
        feed: Feed,
        request: Request,
        receive: Any,
        send: Any,
        *,
        style: frames.Style | None = None,
        reason: EndReason | None = None,
    ) -> None:
        """With a `reason` the session is over with the connection."""
        self._style = style or frames.Style()
        self._reason = reason
        self._feed = feed
        self._request = request
        self._receive = receive
        self._send = send
        self._teller = Teller(feed)
        self._is_begun = False
        self._room = None if request.has_back_pressure else limits.UNBOUNDED_BYTES

    async def hold(self) -> None:
        """Go on until one side ends it, and give the feed back."""
        pump, gone = asyncio.create_task(self._pump()), asyncio.create_task(wait_gone(self._receive))
        try:
            await asyncio.wait((pump, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, gone):
                task.cancel()
            outcome, _ = await asyncio.gather(pump, gone, return_exceptions=True)
            if isinstance(outcome, StalledError):
                self._feed.end(EndReason.SLOW_CONSUMER)
            await finish(self._feed, reason=self._reason)
        if not isinstance(outcome, Exception) or isinstance(outcome, (OSError, StalledError)):
            # An OSError is a client that left.
            return
        if not self._is_begun:
            raise outcome
        log.error("debug.stream_failed", exc_info=outcome)

    async def _pump(self) -> None:
        if self._request.query.get("strict") == "1":
            await self._check_place()
        self._is_begun = True
        await begin_answer(self._send, 200, frames.HEADERS)
        await self._say(self._style.first)
        await self._say(self._style.hello(await self._teller.hello()))
        while True:
            self._teller.watch_time()
            taken = await self._feed.take(
                most_events=limits.BATCH_EVENTS,
                most_bytes=limits.BATCH_BYTES if self._room is None else min(limits.BATCH_BYTES, self._room),
                timeout=self._teller.seconds_to_wait(),
            )
            parts = list(self._style.lines(taken, self._write_token))
            self._teller.note(taken)
            if (beat := self._teller.heartbeat()) is not None:
                parts.append(self._style.beat(beat))
            if taken.end is not None:
                await self._say(b"".join((*parts, self._style.end(taken.end))), is_last=True)
                return
            await self._say(b"".join(parts))
            if taken.events and not self._feed.stats().queued:
                # The next ones go together. While some wait, nothing is waited for.
                await asyncio.sleep(limits.BATCH_SECONDS)

    async def _check_place(self) -> None:
        if (await self._teller.hello()).resume in _LOST:
            raise CursorExpiredError("What follows this place is not there any more, or not all of it.")

    def _write_token(self, position: Position) -> str:
        return token_of(self._feed, position)

    async def _say(self, part: bytes, *, is_last: bool = False) -> None:
        if not part:
            return
        await send_part(self._send, part, seconds=limits.STALL_SECONDS, is_last=is_last)
        if self._room is not None:
            self._room -= len(part)
            if self._room <= 0:
                self._feed.end(EndReason.BUDGET, detail="open it again", retry_ms=limits.REOPEN_MS)
