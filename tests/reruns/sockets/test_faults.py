"""Valkey dead, several web processes, replies to batches: a trigger finds its way, and the row tells the truth."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from django.db import connections
from django.test import override_settings

from config.embedded import Valkey
from config.embedded.process import ServerProcess, Watchdog
from observability.services.keys import NewKey
from reruns import outbound
from reruns.models import SdkConnection
from reruns.replies import renew_replies
from reruns.sockets.server import close_sockets
from tests.ingest.sdk.batches import make_body, make_event
from tests.reruns.conftest import SESSION, TRACE, Sdk, serve
from tests.reruns.sockets.test_delivery import Http

API = "/api/observability"


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[ServerProcess]:
    """A Valkey for the sockets alone, which a test may kill."""
    server = Valkey(tmp_path)
    server.prepare()
    watchdog = Watchdog()
    process = ServerProcess(server, log=tmp_path / "valkey.log", watchdog=watchdog)
    process.start()
    outbound.forget_clients()
    with override_settings(SOCKETS_URL=server.url):
        yield process
    outbound.forget_clients()
    process.stop()
    watchdog.close()


@pytest_asyncio.fixture
async def http(url: str, rerun_key: NewKey) -> AsyncIterator[Http]:
    async with Http(base_url=url, headers={"api-key": rerun_key.text}, timeout=30) as client:
        yield client


async def test_valkey__dead__trigger_goes_out_with_the_next_heartbeat(
    own_valkey: ServerProcess, trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    own_valkey.kill()

    asked = await http.ask_workflow()
    await sdk.say("ping", {"sessionId": SESSION})
    signal = await sdk.hear("trigger")

    assert asked["status"] == "pending"
    assert asked["detail"].startswith("Valkey cannot be reached")
    assert signal["triggerId"] == asked["triggerId"]
    assert (await http.read(asked["triggerId"]))["status"] == "sent"
    await sdk.close()


async def test_valkey__dead_when_the_sdk_connects__registers_and_hears_what_waits(
    own_valkey: ServerProcess, trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    asked = await http.ask_workflow()
    own_valkey.kill()
    sdk = Sdk(url, key=rerun_key.text)

    answer = await sdk.register()
    signal = await sdk.hear("trigger")

    assert answer["ok"]
    assert signal["triggerId"] == asked["triggerId"]
    await sdk.close()


async def test_valkey__back_again__carries_triggers_as_before(
    own_valkey: ServerProcess, trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    own_valkey.kill()
    await http.ask("portal-tasks", type="tool", name="x", input=1)
    own_valkey.start()

    statuses = [(await http.ask("portal-tasks", type="tool", name="x", input=n))["status"] for n in range(2)]
    while statuses[-1] != "sent" and len(statuses) < 15:
        await sdk.say("register", {})
        statuses.append((await http.ask("portal-tasks", type="tool", name="x", input=0))["status"])

    assert statuses[-1] == "sent"
    await sdk.close()


@contextmanager
def another_process() -> Iterator[str]:
    """Serve in another event loop, with sockets, mailbox and Valkey connections of its own; yield its address."""
    ready: list[str] = []
    is_ready, is_over = threading.Event(), threading.Event()

    async def run() -> None:
        async with serve() as address:
            ready.append(address)
            is_ready.set()
            await asyncio.to_thread(is_over.wait)
            await close_sockets()

    def main() -> None:
        asyncio.run(run())
        connections.close_all()

    thread = threading.Thread(target=main)
    thread.start()
    assert is_ready.wait(20)
    try:
        yield ready[0]
    finally:
        is_over.set()
        thread.join()


async def test_processes__asked_of_one_and_connected_to_the_other__is_delivered_to_that_socket_alone(
    trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    with another_process() as other_url:
        far = Sdk(other_url, key=rerun_key.text, session_id="far")
        near = Sdk(url, key=rerun_key.text, session_id="near")
        await far.register()
        await near.register()

        asked = await http.ask_workflow(sessionId="far")
        signal = await far.hear("trigger")
        await near.say("ping", {})

        processes = [row.process async for row in SdkConnection.objects.all()]
        assert len(set(processes)) == 2
        assert (asked["status"], signal["triggerId"]) == ("sent", asked["triggerId"])
        assert not near.has_heard("trigger")
        await far.close()
        await near.close()


async def _send_batch(http: Http, **more: Any) -> Any:
    body = make_body(make_event(), sessionId=SESSION)
    return (await http.post(f"{API}/events", content=body, **more)).json()


async def test_reply__session_a_trigger_waits_for__carries_it_once(
    trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    asked = await http.ask_workflow(sessionId=SESSION)
    await renew_replies()

    first = await _send_batch(http)
    second = await _send_batch(http)

    assert first["success"]
    assert first["trigger"]["triggerId"] == asked["triggerId"]
    assert "trigger" not in second
    shown = await http.read(asked["triggerId"])
    assert (shown["status"], shown["sessionId"], shown["deliveries"][0]["channel"]) == ("sent", SESSION, "ingest")


async def test_reply__another_session__carries_nothing(trace: str, rerun_key: NewKey, url: str, http: Http) -> None:
    await http.ask_workflow(sessionId="another")
    await renew_replies()

    assert "trigger" not in await _send_batch(http)


async def test_reply__key_without_rerun__carries_nothing(
    trace: str, rerun_key: NewKey, api_key: NewKey, url: str, http: Http
) -> None:
    await http.ask_workflow(sessionId=SESSION)
    await renew_replies()

    assert "trigger" not in await _send_batch(http, headers={"api-key": api_key.text})


async def test_reply__foreign_project_with_the_same_session__carries_nothing(
    trace: str, rerun_key: NewKey, foreign_key: NewKey, url: str, http: Http
) -> None:
    await http.ask_workflow(sessionId=SESSION)
    await renew_replies()

    assert "trigger" not in await _send_batch(http, headers={"api-key": foreign_key.text})
    assert trace == TRACE
