"""`GET /api/debug/sessions/<id>/poll?after=&limit=&wait=`: a session's lines, one answer after another.

Each answer accounts for the stream from `after` to its own `after`, which the next request sends. Between two requests
the session goes on for `POLL_KEPT_SECONDS` as if its client were connected, so what comes meanwhile waits in its queue.
A request with another place than the last answer's (that one was lost, or this process never saw it) goes on from
there, like a socket that comes back.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec
from channels.db import database_sync_to_async

from debugconsole.errors import EndedError
from debugconsole.models import DebugSession
from debugconsole.readers.feed import Feed, Taken
from debugconsole.transports import limits
from debugconsole.transports.events import find_session
from debugconsole.transports.exchange import NotAllowedError, Request, answer, wait_gone
from debugconsole.transports.pace import check_pace
from debugconsole.transports.telling import Teller
from debugconsole.viewing import begin, finish
from debugconsole.wire.envelope import End, EndReason, Heartbeat, Hello, Notice

_FIRST_SECONDS = 0.3
"""The first answer does not wait for lines that come later: its `hello` is news."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one request gets. `hello` comes with the first; after `end` nothing more does."""

    events: list[msgspec.Raw]
    notices: list[Notice]
    after: str
    hb: Heartbeat
    n: tuple[int, int] | None = None
    filtered: int = 0
    hello: Hello | None = None
    end: End | None = None


async def serve_poll(scope: Any, receive: Any, send: Any, session_id: UUID) -> None:
    """Serve one request."""
    request = Request(scope)
    if request.method != "GET":
        raise NotAllowedError("Ask with GET.")
    request.check_parameters("after", "limit", "wait", "ticket")
    most = int(request.number("limit", default=limits.POLL_EVENTS, least=1, most=limits.POLL_MOST_EVENTS))
    seconds = request.number("wait", default=limits.POLL_SECONDS, least=0, most=limits.POLL_SECONDS)
    session = await database_sync_to_async(find_session)(request, session_id)
    check_pace(session.user)
    polls = _polls.setdefault(asyncio.get_running_loop(), Polls())
    try:
        poll = await polls.take(session, request.query.get("after", ""))
    except EndedError as error:
        await answer(send, 200, _say_over(error, request))
        return
    try:
        content = await poll.answer(receive, most=most, seconds=seconds)
        if content is not None:
            await answer(send, 200, content)
    finally:
        polls.give_back(poll)


class Poll:
    """One session that is polled."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.teller = Teller(feed)
        self.is_new = True
        self.closing: asyncio.Task[None] | None = None

    async def answer(self, receive: Any, *, most: int, seconds: float) -> Answer | None:
        """Return the next stretch of the stream, as soon as there is one; None when the client left meanwhile."""
        self.teller.watch_time()
        hello = await self.teller.hello() if self.is_new else None
        if hello is not None:
            seconds = min(seconds, _FIRST_SECONDS)
        gone = asyncio.create_task(wait_gone(receive))
        waiting = asyncio.create_task(self._wait(seconds))
        try:
            await asyncio.wait((gone, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, waiting):
                task.cancel()
            await asyncio.gather(gone, waiting, return_exceptions=True)
        if not waiting.done() or waiting.cancelled():
            return None
        taken = await self.feed.take(most_events=most, most_bytes=limits.POLL_BYTES, timeout=0)
        self.is_new = False
        return self._write(taken, hello)

    async def _wait(self, seconds: float) -> None:
        """Wait until there is something, and a moment for what follows it closely."""
        if await self.feed.wait(min(seconds, self.teller.seconds_left())):
            await asyncio.sleep(min(seconds, limits.BATCH_SECONDS))
        self.teller.watch_time()

    def _write(self, taken: Taken, hello: Hello | None) -> Answer:
        batch = self.teller.batch(taken)
        return Answer(
            events=batch.events if batch else [],
            notices=taken.notices,
            after=self.teller.after,
            hb=self.teller.numbers(),
            n=batch.n if batch else None,
            filtered=taken.filtered,
            hello=hello,
            end=taken.end,
        )


class Polls:
    """The polled sessions of one event loop, between two requests."""

    def __init__(self) -> None:
        self._kept: dict[str, Poll] = {}

    async def take(self, session: DebugSession, after: str) -> Poll:
        """Return the session where it goes on from this place. Raises what `begin` does."""
        poll = self._kept.pop(str(session.pk), None)
        if poll is not None:
            assert poll.closing is not None
            poll.closing.cancel()
            if after == poll.teller.after and poll.feed.end_ is None:
                return poll
            await finish(poll.feed)
        return Poll(await begin(session, after=after))

    def give_back(self, poll: Poll) -> None:
        """Keep a session for its next request, for a while."""
        self._kept[poll.feed.session_id] = poll
        poll.closing = asyncio.create_task(self._close_later(poll))

    async def _close_later(self, poll: Poll) -> None:
        if poll.feed.end_ is None:
            await poll.feed.wait_end(limits.POLL_KEPT_SECONDS)
        if self._kept.get(poll.feed.session_id) is poll:
            del self._kept[poll.feed.session_id]
        await finish(poll.feed)


def _say_over(error: EndedError, request: Request) -> dict[str, Any]:
    reason = EndReason(error.reason or EndReason.EXPIRED)
    return {"events": [], "notices": [], "after": request.query.get("after", ""), "end": End(reason=reason)}


_polls: WeakKeyDictionary[asyncio.AbstractEventLoop, Polls] = WeakKeyDictionary()
