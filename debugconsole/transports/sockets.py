"""`WS /ws/debug/sessions/<id>?ticket=&after=`: a session's lines over a WebSocket (contract debug-console, 6.1, 6.3).

Three tasks, so that none waits for another: `_listen` hears the client and only sets flags, `_work` does what needs the
database, `_pump` is the only one that sends. A client that reads slowly holds up the pump alone, and is still heard.
What comes to its end first ends the others; the feed is given back on every way out.

The client grants credits: no more than `MOST_UNACKED` lines are on their way that it did not `ack`. What comes
meanwhile waits in the feed's queue, which is bounded, and is counted where it does not fit.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast
from urllib.parse import parse_qs
from uuid import UUID

import psycopg
import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from debugconsole.errors import BusyError, EndedError, TicketError
from debugconsole.metrics import SEND_BLOCK
from debugconsole.models import DebugSession
from debugconsole.readers.feed import Feed, Taken
from debugconsole.services.sessions import redeem_ticket
from debugconsole.transports import commands, limits
from debugconsole.transports.commands import CLOSE_CODES, Command, Reply, Unread, UnreadableError, read_command
from debugconsole.transports.idleness import Idleness
from debugconsole.transports.requests import Requests
from debugconsole.transports.telling import Teller
from debugconsole.viewing import begin, finish
from debugconsole.wire.envelope import End, EndReason, Message, encode_message
from debugconsole.wire.tokens import TokenError
from observability.errors import NotFoundError

log = structlog.get_logger(__name__)

_DATABASE_ERRORS = (DatabaseError, psycopg.Error, PoolTimeout)
_CLOSE_SECONDS = 1.0
_MOST_UNREADABLE = 10
"""Messages that are no commands, of one connection; with the next one it ends."""
_MOST_WAITING = 50
"""Commands that wait for the database, and replies that wait for the client."""


class StalledError(Exception):
    """The client did not read for too long."""


async def watch_socket(scope: Any, receive: Any, send: Any) -> None:
    """Serve one socket. It is accepted first: closed before, a browser would see no code."""
    await receive()
    await send({"type": "websocket.accept"})
    feed: Feed | None = None
    try:
        given = {name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        session = await database_sync_to_async(_admit)(
            scope["url_route"]["kwargs"]["session_id"], given.get("ticket", ""), scope["user"]
        )
        feed = await begin(session, after=given.get("after", ""))
    except TicketError as error:
        await _close(send, commands.UNAUTHENTICATED, str(error))
    except NotFoundError:
        await _close(send, commands.UNKNOWN, "No such session.")
    except EndedError as error:
        await _close(send, CLOSE_CODES[EndReason(error.reason or EndReason.EXPIRED)], str(error))
    except TokenError as error:
        await _say(send, Unread(field="after", detail=str(error)))
        await _close(send, commands.PROTOCOL, "after")
    except (BusyError, *_DATABASE_ERRORS) as error:
        log.warning("debug.socket_unavailable", error=repr(error))
        await _close(send, commands.BUSY, "Come back later.")
    if feed is not None:
        await Conversation(feed, receive, send).hold()


def _admit(session_id: UUID, ticket: str, user: Any) -> DebugSession:
    """Return the session that a ticket opens. Who is signed in as somebody else does not get it."""
    if not settings.DEBUG_CONSOLE_ENABLED:
        raise NotFoundError("No such session.")
    session = redeem_ticket(session_id=session_id, ticket=ticket)
    if user is not None and user.is_authenticated and user.pk != session.user_id:
        raise NotFoundError("No such session.")
    return session


class Conversation:
    """One socket and its feed."""

    def __init__(self, feed: Feed, receive: Any, send: Any) -> None:
        self.sent = 0
        self.acked = 0
        self._feed = feed
        self._receive = receive
        self._send = send
        self._teller = Teller(feed)
        self._idleness = Idleness(feed)
        self._requests = Requests(feed)
        self._waiting: asyncio.Queue[Command] = asyncio.Queue(_MOST_WAITING)
        self._replies: deque[Callable[[], Reply]] = deque()
        self._unreadable = 0
        self._close_code = 0

    async def hold(self) -> None:
        """Go on until one side ends it, and give the feed back."""
        tasks = [asyncio.create_task(work()) for work in (self._listen, self._work, self._pump)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                self._note(outcome)
            await finish(self._feed)
        if self._close_code:
            await _close(self._send, self._close_code)

    def _note(self, outcome: object) -> None:
        if isinstance(outcome, StalledError):
            self._feed.end(EndReason.SLOW_CONSUMER)
            self._close_code = CLOSE_CODES[EndReason.SLOW_CONSUMER]
        elif isinstance(outcome, Exception) and not isinstance(outcome, OSError):
            # An OSError is a client that left.
            log.error("debug.socket_failed", exc_info=outcome)
            self._close_code = CLOSE_CODES[EndReason.LOST]

    # -- Hearing -------------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while (message := await self._receive())["type"] != "websocket.disconnect":
            try:
                self._take(read_command(message.get("text") or message.get("bytes") or b""))
            except UnreadableError as error:
                self._unreadable += 1
                unread = Unread(field=error.field, detail=str(error))
                self._reply(lambda unread=unread: unread)  # type: ignore[misc]
            if self._unreadable > _MOST_UNREADABLE or len(self._replies) > _MOST_WAITING:
                self._close_code = commands.PROTOCOL
                return

    def _take(self, command: Command) -> None:
        if isinstance(command, commands.Ack):
            if command.n > self.sent:
                raise UnreadableError(f"{command.n} lines were not sent, only {self.sent}", "n")
            self.acked = max(self.acked, command.n)
            self._idleness.touch()
        elif isinstance(command, commands.Ping):
            self._reply(commands.Pong)
        elif isinstance(command, commands.Visibility):
            self._idleness.hide(is_hidden=command.hidden)
        elif self._waiting.full():
            raise UnreadableError("too many at once", "op")
        else:
            self._waiting.put_nowait(command)

    def _reply(self, make: Callable[[], Reply]) -> None:
        self._replies.append(make)
        self._feed.nudge()

    # -- Doing ---------------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            make = await self._requests.serve(await self._waiting.get())
            self._reply(make)

    # -- Sending -------------------------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        await self._say(await self._teller.hello())
        while True:
            # A reply may change what is let through, so it is made between two batches.
            while self._replies:
                await self._say(self._replies.popleft()())
            self._teller.watch_time()
            self._idleness.watch(has_unacked=self.sent > self.acked)
            end = await self._turn()
            if end is not None:
                await self._say(end)
                self._close_code = CLOSE_CODES[end.reason]
                return

    async def _turn(self) -> End | None:
        """Send what there is, wait for something where nothing is, and return the end when it has come."""
        room = min(limits.BATCH_EVENTS, limits.MOST_UNACKED - (self.sent - self.acked))
        began = time.monotonic()
        taken = await self._feed.take(
            most_events=room,
            most_bytes=limits.BATCH_BYTES,
            timeout=min(self._teller.seconds_to_wait(), self._idleness.seconds_to_wait()),
        )
        await self._give(taken)
        if taken.end is None and taken.events and not self._feed.stats().queued:
            # The next ones go together. While some wait, a batch is as large as may be, and nothing is waited for.
            await asyncio.sleep(max(0.0, began + limits.BATCH_SECONDS - time.monotonic()))
        return taken.end

    async def _give(self, taken: Taken) -> None:
        for notice in self._teller.notices(taken):
            await self._say(notice)
        batch = self._teller.batch(taken)
        if batch is not None:
            self.sent += len(batch.events)
            await self._say(batch)
        beat = self._teller.heartbeat()
        if beat is not None:
            await self._say(beat)

    async def _say(self, message: Message | Reply) -> None:
        try:
            async with asyncio.timeout(limits.STALL_SECONDS):
                with SEND_BLOCK.time():
                    await _say(self._send, message)
        except TimeoutError as error:
            raise StalledError from error


async def _say(send: Any, message: Message | Reply) -> None:
    await send({"type": "websocket.send", "text": encode_message(cast("Message", message)).decode()})


async def _close(send: Any, code: int, reason: str = "") -> None:
    """Close as well as can be: a client that does not read is not waited for, and one that left need not be."""
    with suppress(OSError, RuntimeError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await send({"type": "websocket.close", "code": code, "reason": reason})
