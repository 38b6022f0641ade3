"""A client of the doors that speaks ASGI itself, so that a test decides how a body arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from asgiref.typing import ASGIReceiveEvent, ASGISendEvent, HTTPScope

from observability.ingest.door.application import IngestApplication
from observability.ingest.door.body import Budget, Limits
from observability.ingest.writer import Writer
from observability.services.keys import NewKey

SDK_PATH = "/api/observability/events"
LIMITS = Limits(wire_bytes=8 * 2**20, body_bytes=64 * 2**20)


@dataclass
class Reply:
    """What the application sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    received: int = 0
    """How many pieces of the body the application asked for before it answered."""

    def json(self) -> Any:
        """Return the body as JSON."""
        return msgspec.json.decode(self.body)


class Client:
    """Calls an ASGI application as a server would."""

    def __init__(self, application: IngestApplication, key: str) -> None:
        self.application = application
        self.key = key

    async def post(
        self,
        body: bytes | Iterable[bytes | float | asyncio.Event | None],
        *,
        path: str = SDK_PATH,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        authenticate: bool = True,
    ) -> Reply:
        """Send a request and return the reply.

        A body given in pieces has no Content-Length; None among them is the end of the connection, a number a pause of
        so many seconds, an event a pause until it is set.
        """
        sent = dict(headers or {})
        if authenticate:
            sent.setdefault("api-key", self.key)
        if isinstance(body, bytes):
            sent.setdefault("content-length", str(len(body)))
        else:
            sent.setdefault("transfer-encoding", "chunked")
        reply = Reply()
        pieces = iter([body] if isinstance(body, bytes) else body)
        following = next(pieces, b"")

        async def receive() -> ASGIReceiveEvent:
            nonlocal following
            piece, following = following, next(pieces, b"end")
            if not reply.status:
                reply.received += 1
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": await _arrive(piece), "more_body": following != b"end"}

        async def send(message: ASGISendEvent) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            elif message["type"] == "http.response.body":
                reply.body += message["body"]

        await self.application(_make_scope(method, path, sent), receive, send)
        return reply


async def _arrive(piece: bytes | float | asyncio.Event) -> bytes:
    if isinstance(piece, bytes):
        return piece
    await (piece.wait() if isinstance(piece, asyncio.Event) else asyncio.sleep(piece))
    return b""


async def wait_until(is_so: Callable[[], bool], *, seconds: float = 15) -> None:
    """Wait until something is so that another task brings about."""
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.005)


def _make_scope(method: str, path: str, headers: dict[str, str]) -> HTTPScope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": None,
        "server": None,
        "extensions": {},
        "state": {},
    }


@pytest.fixture
def application() -> IngestApplication:
    """Return the doors with a budget of their own."""
    return IngestApplication(limits=LIMITS, budget=Budget(256 * 2**20))


@pytest_asyncio.fixture
async def client(store: None, writer: Writer, application: IngestApplication, api_key: NewKey) -> AsyncIterator[Client]:
    """Return a client with a key that may send, in front of the real writer."""
    yield Client(application, api_key.text)
