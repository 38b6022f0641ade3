"""Clients of a session over the real ASGI application, and a producer that writes as a runner does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from asgiref.sync import sync_to_async
from channels.testing import ApplicationCommunicator, WebsocketCommunicator
from django.conf import settings
from django.test import Client
from redis.asyncio import Redis

from config.asgi import application
from debugconsole.models import DebugSession, Extension
from debugconsole.services.sessions import Opened, Viewer, Wish, open_session
from debugconsole.viewing import make_source
from debugconsole.wire.emit import Emission, build_xadd
from observability.models import ApiKey, User

PATIENCE_SECONDS = 20.0
"""How long a test waits for what must come. Nothing waits this long unless it fails."""
HOST = urlsplit(settings.PUBLIC_URL).netloc


@sync_to_async
def open_for(
    user: User, extension: Extension, *, transport: str = "ws", key: ApiKey | None = None, **wish: Any
) -> Opened:
    """Open a session as the API does, for a person or through a key of theirs."""
    viewer = Viewer(user=user, transport=transport, key_id=key.pk if key else None)
    return open_session(viewer=viewer, extension=extension, wish=Wish(**wish))


@sync_to_async
def sign_in(user: User) -> str:
    """Return the session cookie of somebody who signed in."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


async def write(session: DebugSession, *messages: str, maxlen: int = 100_000, **fields: Any) -> None:
    """Publish lines of a session's extension."""
    source = make_source(session)
    said = {"ts": "0", "level": "info", "stream": "log", "tenant": source.tenant, "extension": source.extension}
    async with Redis.from_url(settings.DEBUG_REDIS_URL) as client, client.pipeline(transaction=False) as pipe:
        for message in messages:
            line = Emission(message=message.encode(), **(said | fields))
            name, _, *rest = build_xadd(line, prefix=source.prefix, maxlen=maxlen)
            # Into the session's own stream, whatever the line says of itself.
            pipe.execute_command(name, source.key, *rest)
        await pipe.execute()


class Socket:
    """A client of the WebSocket: everything it was sent, and what it makes of it."""

    def __init__(self, session: DebugSession, *, origin: str = settings.PUBLIC_URL, cookie: str = "", **query: str):
        headers = {"host": HOST, "origin": origin, "cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        path = f"/ws/debug/sessions/{session.pk}?{urlencode(query)}"
        self.socket = WebsocketCommunicator(application, path, headers=encoded)
        self.heard: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.after = ""
        self.code: int | None = None

    @property
    def messages(self) -> list[str]:
        """The lines that came."""
        return [event["message"] for event in self.events]

    @property
    def notices(self) -> list[dict[str, Any]]:
        """What it was told, at its place or beside lines."""
        batches = [notice for said in self.heard if said["op"] == "batch" for notice in said.get("notices", ())]
        return batches + [said for said in self.heard if said["op"] == "notice"]

    @property
    def untold(self) -> int:
        """How many lines it was told that it does not see."""
        return sum(notice["count"] for notice in self.notices if notice["code"] == "dropped")

    async def open(self) -> bool:
        """Connect; say whether the server took it."""
        is_accepted, _ = await self.socket.connect(timeout=PATIENCE_SECONDS)
        return bool(is_accepted)

    async def say(self, op: str, **fields: Any) -> None:
        await self.socket.send_json_to({"op": op, **fields})

    async def hear(self, *, acks: bool = True) -> dict[str, Any] | None:
        """Return the next message; None when it was closed."""
        message = await self.socket.receive_output(timeout=PATIENCE_SECONDS)
        if message["type"] == "websocket.close":
            self.code = message["code"]
            return None
        said: dict[str, Any] = json.loads(message["text"])
        self.heard.append(said)
        if said["op"] == "batch":
            self.events += said["events"]
        self.after = said.get("after", self.after)
        if said["op"] == "batch" and acks:
            await self.say("ack", n=len(self.events))
        return said

    async def hear_until(self, is_enough: Callable[[], bool], *, acks: bool = True) -> None:
        """Listen until something holds, or it is closed."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_enough() and await self.hear(acks=acks) is not None:
                pass

    async def hear_op(self, op: str, *, acks: bool = True) -> dict[str, Any]:
        """Return the next message of a kind."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                said = await self.hear(acks=acks)
                assert said is not None, f"closed with {self.code} before any {op}"
                if said["op"] == op:
                    return said

    async def hear_closing(self) -> int | None:
        """Listen until it is closed; return the code."""
        await self.hear_until(lambda: False)
        return self.code

    async def leave(self) -> None:
        """Go as a browser goes."""
        await self.socket.disconnect(timeout=PATIENCE_SECONDS)


class Exchange:
    """One HTTP request over the application, whose answer is read as it comes."""

    def __init__(
        self,
        path: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        cookie: str = "",
        server: str = "uvicorn",
        **headers: str,
    ) -> None:
        where, _, query = path.partition("?")
        given = {"host": HOST, "cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}", **headers}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": where,
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            # By which the application knows whether `send` waits for a slow client.
            "asgi": {"version": "3.0"} | ({"spec_version": "2.3"} if server == "uvicorn" else {}),
        }
        communicate: Any = ApplicationCommunicator
        self.wire = communicate(application, scope)
        self.wire.input_queue.put_nowait({"type": "http.request", "body": body, "more_body": False})
        self.headers: dict[str, str] = {}
        self.status = 0
        self.is_over = False

    async def open(self) -> int:
        """Wait for the head of the answer; return its status."""
        head = await self.wire.receive_output(timeout=PATIENCE_SECONDS)
        self.status = head["status"]
        self.headers = {name.decode(): value.decode() for name, value in head["headers"]}
        return self.status

    async def read(self) -> bytes:
        """Return the next part of the answer."""
        part = await self.wire.receive_output(timeout=PATIENCE_SECONDS)
        self.is_over = not part.get("more_body", False)
        body: bytes = part.get("body", b"")
        return body

    async def fetch(self) -> Any:
        """Return the whole answer's JSON; None when it has no body."""
        await self.open()
        body = b""
        while not self.is_over:
            body += await self.read()
        await self.wire.wait(timeout=PATIENCE_SECONDS)
        return json.loads(body) if body else None

    async def leave(self) -> None:
        """Go as a client goes that closes the connection, and wait until the server has noticed."""
        await self.wire.send_input({"type": "http.disconnect"})
        await self.wire.wait(timeout=PATIENCE_SECONDS)


class Events(Exchange):
    """A client of server-sent events, which reads them as browsers do."""

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(path, **options)
        self.text = ""
        self.heard: list[tuple[str, Any]] = []
        self.comments: list[str] = []
        self.after = ""

    @property
    def messages(self) -> list[str]:
        """The lines that came."""
        return [data["message"] for name, data in self.heard if name == ""]

    @property
    def notices(self) -> list[dict[str, Any]]:
        """What it was told."""
        return [data for name, data in self.heard if name == "notice"]

    @property
    def untold(self) -> int:
        """How many lines it was told that it does not see."""
        return sum(notice["count"] for notice in self.notices if notice["code"] == "dropped")

    async def hear_until(self, is_enough: Callable[[], bool]) -> None:
        """Listen until something holds, or it is over."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_enough() and not self.is_over:
                self.text += (await self.read()).decode()
                *frames, self.text = self.text.split("\n\n")
                for frame in frames:
                    self._take(frame)

    async def hear_named(self, name: str) -> Any:
        """Return the first event of a name."""
        await self.hear_until(lambda: any(heard == name for heard, _ in self.heard))
        return next(data for heard, data in self.heard if heard == name)

    def _take(self, frame: str) -> None:
        fields: dict[str, str] = {}
        for line in frame.split("\n"):
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
            else:
                self.comments.append(value)
        self.after = fields.get("id", self.after)
        if "data" in fields:
            self.heard.append((fields.get("event", ""), json.loads(fields["data"])))
