"""The doors behind the server that `up` starts, over real connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest_asyncio
import uvicorn

from config.asgi import application
from observability.ingest.door.application import ingest_application
from observability.services.keys import NewKey
from tests.ingest.door.conftest import wait_until
from tests.ingest.sdk.batches import make_body, make_event

EVENTS = "/api/observability/events"
MIB = 2**20


@asynccontextmanager
async def _serve() -> AsyncIterator[str]:
    """Run the product's ASGI application on a free port, as `up` configures it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(application, http="httptools", log_config=None))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await task


@pytest_asyncio.fixture
async def http(store: None, api_key: NewKey) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        _serve() as url,
        httpx.AsyncClient(base_url=url, headers={"api-key": api_key.text}, timeout=60) as client,
    ):
        yield client


async def _more_than_taken() -> AsyncIterator[bytes]:
    for _ in range(100):
        yield bytes(MIB)


async def test_server__batch__committed(http: httpx.AsyncClient) -> None:
    reply = await http.post(EVENTS, content=make_body(make_event()))

    assert (reply.status_code, reply.json()["accepted"]) == (202, 1)


async def test_server__body_too_large__client_reads_the_answer(http: httpx.AsyncClient) -> None:
    replies = [await http.post(EVENTS, content=bytes(65 * MIB)), await http.post(EVENTS, content=_more_than_taken())]

    assert [reply.status_code for reply in replies] == [413, 413]
    assert [reply.headers["connection"] for reply in replies] == ["close", "close"]


async def test_server__wrong_key_with_a_large_body__client_reads_the_answer(http: httpx.AsyncClient) -> None:
    reply = await http.post(EVENTS, content=bytes(20 * MIB), headers={"api-key": "ed_wrong.key"})

    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")


async def test_server__one_connection__serves_on_after_a_refusal_of_what_was_read(http: httpx.AsyncClient) -> None:
    refused = await http.post("/v1/traces", content=b"{", headers={"content-type": "application/json"})
    taken = await http.post(EVENTS, content=make_body(make_event()))

    assert (refused.status_code, taken.status_code) == (400, 202)
    assert "connection" not in refused.headers


async def test_server__client_vanishes_mid_body__holds_nothing(http: httpx.AsyncClient, api_key: NewKey) -> None:
    reader, connection = await asyncio.open_connection(http.base_url.host, http.base_url.port)
    head = f"POST {EVENTS} HTTP/1.1\r\nhost: x\r\napi-key: {api_key.text}\r\ncontent-length: 100000\r\n\r\n"
    connection.write(head.encode() + b"x" * 50_000)
    await connection.drain()
    await wait_until(lambda: ingest_application.budget.held == 50_000)

    connection.close()
    await connection.wait_closed()
    await wait_until(lambda: ingest_application.budget.held == 0)

    assert reader.at_eof() or await reader.read() == b""
