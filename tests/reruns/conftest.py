"""A trace that can be run again, keys, and a web server in the test's own event loop for real clients to connect to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import pytest_asyncio
import socketio
import uvicorn
from asgiref.sync import sync_to_async
from django.db import connections

from config.asgi import application
from observability.ingest.writer import close_writer
from observability.models import Event, Project, Scope
from observability.services.keys import NewKey, create_key
from reruns.sockets.server import close_sockets
from tests.records import make_event, write

TRACE = "chat::1795202677943::c1de2abc"
SESSION = "session-1"
PATIENCE_SECONDS = 20.0
"""How long a test waits for what must come. Nothing waits this long unless it fails."""


def write_trace(project: Project, trace_id: str = TRACE, *, session_id: str = SESSION, **workflow: Any) -> None:
    """Store a run of the workflow `chat`: two tools, a model call, an http and a db call, and a side effect.

    Their numbers in the session are 58 to 64, so that no place among the calls is a number by chance.
    """
    shared: dict[str, Any] = {"parent_span_id": "root", "source": "sdk", "session_id": session_id}
    write(
        project.pk,
        make_event(
            trace_id,
            workflow_name="chat",
            source="sdk",
            session_id=session_id,
            sdk_event_id=58,
            **{"input": b'{"question": "tarp?"}', **workflow},
        ),
        make_event(trace_id, "a", at=1, name="search", sdk_event_id=59, input=b'"tarp"', output=b"[1, 2]", **shared),
        make_event(
            trace_id, "b", at=2, name="price", sdk_event_id=60, input=b'{"sku": "A"}', output=b"19.90", **shared
        ),
        make_event(
            trace_id,
            "c",
            at=3,
            kind="ai",
            name="gpt-4o-mini",
            model="gpt-4o-mini",
            provider="openai",
            sdk_event_id=61,
            input=b'{"messages": []}',
            output=b'"A tarp."',
            extra=b'{"usage": {"inputTokens": 3}}',
            **shared,
        ),
        make_event(trace_id, "d", at=4, kind="side_effect", name="Date.now", sdk_event_id=62, output=b"1", **shared),
        make_event(
            trace_id,
            "e",
            at=5,
            kind="http",
            name="fetch",
            sdk_event_id=63,
            input=b'{"url": "https://shop.example", "method": "GET"}',
            output=b"{}",
            **shared,
        ),
        make_event(trace_id, "f", at=6, kind="db", name="pg.query", sdk_event_id=64, input=b'"SELECT 1"', **shared),
    )


def find_ids(project: Project) -> dict[str, int]:
    """Return the numbers of the project's events by span id."""
    return dict(Event.objects.filter(project_id=project.pk).values_list("span_id", "id"))


@pytest.fixture
def trace(store: None, project: Project) -> str:
    """The stored run of `chat`."""
    write_trace(project)
    return TRACE


@pytest.fixture
def rerun_key(project: Project) -> NewKey:
    """A key that may send, read and rerun."""
    return create_key(project=project, name="SDK", scopes=[Scope.INGEST, Scope.READ, Scope.RERUN])


@pytest.fixture
def foreign_key(foreign_project: Project) -> NewKey:
    """The same of another project."""
    return create_key(project=foreign_project, name="Foreign", scopes=[Scope.INGEST, Scope.READ, Scope.RERUN])


class _Server(uvicorn.Server):
    """A server that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve() -> AsyncIterator[str]:
    """Serve the whole application in this event loop and yield its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        application,
        ws="websockets-sansio",
        access_log=False,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest_asyncio.fixture
async def url(store: None) -> AsyncIterator[str]:
    """The address of a running server."""
    async with serve() as address:
        yield address
    await close_sockets()
    await close_writer()
    await sync_to_async(connections.close_all)()


class Sdk:
    """A client of the sockets that keeps what it hears."""

    def __init__(self, url: str, *, key: str | None, session_id: str | None = SESSION, **connect: Any) -> None:
        self.url = url
        given = {"sessionId": session_id, "apiKey": key}
        self.auth: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self.connect_options = connect
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.refusal: Any = None
        self.client = socketio.AsyncClient(reconnection=False)
        for event in ("auth:ok", "trigger", "portal:task", "workflow:rerun", "workflow:rerun:result", "portal:result"):
            self.client.on(event, self._keep(event))
        self.client.on("connect_error", self._refuse)

    def _keep(self, event: str) -> Any:
        async def keep(data: Any) -> None:
            self.heard.put_nowait((event, data))

        return keep

    async def _refuse(self, data: Any) -> None:
        self.refusal = data

    async def connect(self) -> Any:
        """Connect; return None, or what the server refused with."""
        options: dict[str, Any] = {"transports": ["websocket"], "auth": self.auth, **self.connect_options}
        try:
            await self.client.connect(self.url, **options)
        except socketio.exceptions.ConnectionError:
            return self.refusal
        return None

    async def say(self, event: str, data: Any) -> Any:
        """Send a message and return its acknowledgement."""
        return await self.client.call(event, data, timeout=int(PATIENCE_SECONDS))

    async def register(self, **said: Any) -> Any:
        """Connect and register; return the acknowledgement."""
        refusal = await self.connect()
        assert refusal is None, refusal
        return await self.say("register", {"sessionId": self.auth.get("sessionId"), **said})

    async def hear(self, event: str) -> Any:
        """Return the data of the next message of this name."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                name, data = await self.heard.get()
                if name == event:
                    return data

    def has_heard(self, event: str) -> bool:
        """Say whether a message of this name waits to be heard."""
        return any(name == event for name, _ in list(self.heard._queue))  # type: ignore[attr-defined]

    async def close(self) -> None:
        """Leave."""
        await self.client.disconnect()


async def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what another task brings about; asked in a thread, as it may read rows."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await sync_to_async(is_so)():
            await asyncio.sleep(0.02)
