"""A whole server with clients on real connections, and a Valkey of its own beneath, to be done anything to.

Every client keeps an account: what it was given, and what it was told that it is not. Both together are what was
produced, whatever happened; `Client.check` says so.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from debugconsole.models import DebugSession, Extension
from debugconsole.services.sessions import renew_ticket
from debugconsole.viewing import make_source
from observability.models import User
from tests.debugconsole.readers.conftest import Streams, streams
from tests.debugconsole.transports.conftest import open_for, sign_in
from tests.reruns.conftest import serve

__all__ = ["streams"]
"""A fixture of the neighbours."""
PATIENCE_SECONDS = 30.0
"""How long a test waits for what must come. Nothing waits this long unless it fails."""


class Client:
    """A viewer, over whichever transport. It may be connected many times; its account is of all of them."""

    transport = ""

    def __init__(self, url: str, session: DebugSession, cookie: str) -> None:
        self.url = url
        self.session = session
        self.headers = {"cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}", "origin": settings.PUBLIC_URL}
        self.ids: list[str] = []
        self.ordinals: list[int] = []
        self.told: Counter[str] = Counter()
        self.codes: list[str] = []
        self.notices: list[dict[str, Any]] = []
        self.resumes: list[str] = []
        self.beats: list[dict[str, Any]] = []
        self.end: dict[str, Any] | None = None
        self.ends: list[str] = []
        self.after = ""
        self.heard = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def accounted(self) -> int:
        """How many lines it knows of."""
        return len(self.ids) + self.told.total()

    async def open(self, after: str | None = None) -> None:
        """Connect, where it was or at another place, and wait for the first message."""
        heard = self.heard
        self.end = None
        self._task = asyncio.create_task(self._run(self.after if after is None else after))
        await self.until(lambda: self.heard > heard)

    async def leave(self) -> None:
        """Close the connection, in the middle of whatever comes."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, is_enough: Callable[[], bool]) -> None:
        """Wait until something holds. An error of the connection is one of the test."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_enough():
                self._changed.clear()
                if self._task is not None and self._task.done():
                    self._task.result()
                await self._changed.wait()

    def check(self, produced: int) -> None:
        """Compare its account with what was produced."""
        assert len(set(self.ids)) == len(self.ids), f"{self.transport}: given twice"
        assert self.accounted == produced, f"{self.transport}: {len(self.ids)} given, {self.told} told"

    async def _run(self, after: str) -> None:
        raise NotImplementedError

    def _hear(self, message: dict[str, Any]) -> None:
        op = message["op"]
        self.heard += 1
        if op == "hello":
            self.resumes.append(message["resume"])
        elif op == "notice":
            self._note(message)
        elif op == "hb":
            self.beats.append(message)
        elif op == "end":
            self.end = message
            self.ends.append(message["reason"])
        self._changed.set()

    def _take(self, events: list[dict[str, Any]]) -> None:
        self.ids += [event["id"] for event in events]
        self.ordinals += [event["n"] for event in events]
        self._changed.set()

    def _note(self, notice: dict[str, Any]) -> None:
        self.codes.append(notice["code"])
        self.notices.append(notice)
        if notice["code"] == "dropped":
            self.told[notice["cause"]] += notice["count"]


class SocketClient(Client):
    """Over a WebSocket."""

    transport = "ws"
    connection: ClientConnection | None = None
    close_code: int | None = None

    async def _run(self, after: str) -> None:
        ticket = await sync_to_async(renew_ticket)(session=self.session)
        where = f"{self.url.replace('http', 'ws', 1)}/ws/debug/sessions/{self.session.pk}?ticket={ticket}&after={after}"
        given = 0
        async with connect(where, additional_headers=self.headers, max_size=2**20) as self.connection:
            with suppress(ConnectionClosed):
                while True:
                    message = json.loads(await self.connection.recv())
                    if message["op"] == "batch":
                        given += len(message["events"])
                        self._take_batch(message)
                        await self.connection.send(json.dumps({"op": "ack", "n": given}))
                    self._hear(message)
            self.close_code = self.connection.close_code
            if self.close_code == 1012 and self.end is None:
                # The same, where there was no time for words.
                self._hear({"op": "end", "reason": "server_drain"})
            self._changed.set()

    def _take_batch(self, message: dict[str, Any]) -> None:
        self._take(message["events"])
        notices = message.get("notices", [])
        for notice in notices:
            self._note(notice)
        first, last = message["n"]
        told = sum(notice["count"] for notice in notices)
        assert last - first + 1 == len(message["events"]) + told + message.get("filtered", 0)
        self.after = message["after"]


class EventsClient(Client):
    """Over server-sent events."""

    transport = "sse"
    status = 0

    async def _run(self, after: str) -> None:
        where = f"{self.url}/api/debug/sessions/{self.session.pk}/events"
        headers = self.headers | ({"last-event-id": after} if after else {})
        async with httpx.AsyncClient(timeout=None) as client, client.stream("GET", where, headers=headers) as answer:
            self.status = answer.status_code
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                else:
                    self._take_frame(fields)
                    fields = {}
        self._changed.set()

    async def open_refused(self, after: str) -> None:
        """Connect with what the server refuses."""
        await self._run(after)

    def _take_frame(self, fields: dict[str, str]) -> None:
        data = json.loads(fields["data"]) if "data" in fields else None
        if data is not None and "event" in fields:
            self._hear(data)
        elif data is not None:
            self._take([data])
        self.after = fields.get("id", self.after)


class PollClient(Client):
    """By long-poll."""

    transport = "poll"

    async def _run(self, after: str) -> None:
        where = f"{self.url}/api/debug/sessions/{self.session.pk}/poll"
        async with httpx.AsyncClient(timeout=None, headers=self.headers) as client:
            while self.end is None:
                try:
                    answer = await client.get(where, params={"after": after, "wait": 2, "limit": 2_000})
                except httpx.TransportError:
                    # The server went between two polls.
                    self._hear({"op": "end", "reason": "gone"})
                    return
                if answer.status_code == 429:
                    await asyncio.sleep(0.2)
                    continue
                answer.raise_for_status()
                content = answer.json()
                for notice in content["notices"]:
                    self._note(notice)
                self._take(content["events"])
                self.after = after = content["after"]
                for name in ("hello", "hb", "end"):
                    if content.get(name):
                        self._hear(content[name])


CLIENTS: tuple[type[Client], ...] = (SocketClient, EventsClient, PollClient)
Open = Callable[..., Awaitable[Any]]


@pytest_asyncio.fixture
async def url(clean: None) -> AsyncIterator[str]:
    """The address of a running server."""
    async with serve() as address:
        yield address


@pytest.fixture
def open_client(url: str, owner: User, extension: Extension, streams: Streams) -> Open:
    """Open a session, and connect a client to it."""
    cookies: list[str] = []

    async def open_one(kind: type[Client], **wish: Any) -> Client:
        if not cookies:
            cookies.append(await sign_in(owner))
        session = (await open_for(owner, extension, transport=kind.transport, **({"tail": 0} | wish))).session
        streams.follow(await sync_to_async(make_source)(session))
        client = kind(url, session, cookies[0])
        await client.open()
        return client

    return open_one


@pytest_asyncio.fixture
async def clients(open_client: Open) -> AsyncIterator[list[Client]]:
    """One client of each transport, which all watch the same stream from before its first line."""
    opened = [await open_client(kind) for kind in CLIENTS]
    yield opened
    for client in opened:
        await client.leave()


async def settle(clients: list[Client], produced: int) -> None:
    """Wait until every client knows of so many lines, and check that none was given twice."""
    for client in clients:
        await client.until(lambda client=client: client.accounted >= produced)  # type: ignore[misc]
        client.check(produced)
