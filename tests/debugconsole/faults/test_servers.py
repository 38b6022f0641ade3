"""Servers that stop and servers that are killed, with viewers who go on at another one."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from django.db import connection

from tests.acceptance.playhead import ROOT, START_SECONDS
from tests.debugconsole.faults.conftest import Client, settle
from tests.debugconsole.readers.conftest import Flood, Streams, count_added

pytestmark = pytest.mark.slow


class Process:
    """A server of its own, on the database and the streams of the test."""

    def __init__(self, streams: Streams, log: Path) -> None:
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": database.geturl(),
            "DEBUG_REDIS_URL": streams.server.url,
            "PLAYHEAD_ENV": "development",
            "PLAYHEAD_SECRET_KEY": settings.SECRET_KEY,
        }
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "config.serve", "--fd", str(listener.fileno())]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, pass_fds=[listener.fileno()], stdout=output, stderr=output
            )
        listener.close()

    async def wait_ready(self) -> None:
        """Wait until it answers."""
        async with httpx.AsyncClient(timeout=START_SECONDS) as client:
            answer = await client.get(f"{self.url}/healthz")
        assert answer.status_code == 200


@pytest.fixture
def processes(streams: Streams, tmp_path: Path) -> Iterator[list[Process]]:
    """Two servers, which start while the test does something else."""
    started = [Process(streams, tmp_path / f"web-{number}.log") for number in range(2)]
    yield started
    for one in started:
        one.process.kill()
        one.process.wait()


async def move(clients: list[Client], url: str) -> None:
    """Connect to another server, where each was."""
    for client in clients:
        await client.leave()
        client.url = url
        await client.open()


async def test_server__stopped_and_another_killed_in_a_flood__costs_viewers_nothing(
    streams: Streams, clients: list[Client], processes: list[Process], url: str
) -> None:
    stopped, killed = processes
    for one in processes:
        await one.wait_ready()
    await move(clients, stopped.url)
    flood = Flood(streams, maxlen=100_000)
    await flood.reach(2_000)

    stopped.process.terminate()
    for client in clients:
        await client.until(lambda client=client: client.end is not None)  # type: ignore[misc]
    await move(clients, killed.url)
    await flood.reach(flood.taken + 2_000)
    killed.process.kill()
    await asyncio.to_thread(killed.process.wait)
    await flood.stop()
    await move(clients, url)

    assert {client.resumes[-1] for client in clients} == {"exact"}
    await settle(clients, count_added(streams))
    assert all(client.told["retention"] == 0 for client in clients)
    # Who polls may have been between two polls.
    assert [client.ends for client in clients[:2]] == [["server_drain"]] * 2
