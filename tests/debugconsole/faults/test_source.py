"""What happens to the server of the streams while people watch over WebSocket, SSE and long-poll.

In every case: given and counted as not shown is produced, and nothing comes twice. Where a stream is deleted, nobody
can know what it held that was not read; then the notice `reset` says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import redis

from debugconsole.readers import reader
from debugconsole.readers import streams as connections
from tests.debugconsole.faults.conftest import Client, settle
from tests.debugconsole.readers.conftest import Flood, Streams, count_added

pytestmark = pytest.mark.slow


async def all_hear(clients: list[Client], code: str) -> None:
    for client in clients:
        await client.until(lambda client=client: code in client.codes)  # type: ignore[misc]


async def all_know(clients: list[Client], produced: int) -> None:
    await settle(clients, produced)


async def test_killed_in_a_flood__started_again_and_connected_again__says_exactly_what_is_lost(
    streams: Streams, clients: list[Client]
) -> None:
    """The promise of the console: kill Valkey in a flood, reload the page, and nothing is missing or there twice."""
    flood = Flood(streams, maxlen=1_000)
    await flood.reach(3_000)
    for client in clients:
        await client.until(lambda client=client: len(client.ids) > 200)  # type: ignore[misc]
        await client.leave()
    streams.kill()
    streams.start()
    await flood.reach(flood.taken + 4_000)
    await flood.stop()
    produced = count_added(streams)

    for client in clients:
        await client.open()
    await settle(clients, produced)

    # Polls need not have begun again: their session went on for a while.
    for client in clients[:2]:
        assert client.resumes == ["new", "lost"]
        assert client.told["retention"] > 0


async def test_killed_in_a_flood__with_everybody_watching__accounts_for_every_line(
    streams: Streams, clients: list[Client]
) -> None:
    flood = Flood(streams, maxlen=1_000)
    await flood.reach(2_000)
    streams.kill()
    await all_hear(clients, "source_unavailable")
    streams.start()
    await flood.reach(flood.taken + 3_000)
    await flood.stop()

    await settle(clients, count_added(streams))

    assert all("source_recovered" in client.codes and "reset" not in client.codes for client in clients)


async def test_started_empty__says_reset_and_shows_what_is_new(streams: Streams, clients: list[Client]) -> None:
    streams.write(50)
    await settle(clients, 50)
    streams.kill()
    streams.forget()
    streams.start()
    streams.write(7)

    await settle(clients, 57)

    assert all("reset" in client.codes for client in clients)


@pytest.mark.parametrize("empty", [lambda streams: streams.client.delete(streams.key), lambda s: s.client.flushall()])
async def test_emptied__says_reset_and_shows_what_is_new(
    empty: Callable[[Streams], object], streams: Streams, clients: list[Client]
) -> None:
    streams.write(20)
    await settle(clients, 20)
    empty(streams)
    await all_hear(clients, "reset")
    streams.write(5)

    await settle(clients, 25)

    assert all("not known" in notice["detail"] for client in clients for notice in client.notices)


async def test_frozen__is_noticed_and_caught_up(
    streams: Streams, clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "WATCHDOG_SECONDS", 1.0)
    monkeypatch.setattr(connections, "BLOCK_MS", 200)
    streams.write(10)
    await settle(clients, 10)
    streams.freeze()
    await all_hear(clients, "source_unavailable")
    streams.thaw()
    streams.write(10)

    await settle(clients, 20)

    assert all(client.told.total() == 0 for client in clients)


async def test_permission_and_then_password_taken_away__says_denied_and_catches_up(
    streams: Streams, clients: list[Client]
) -> None:
    streams.write(3)
    await settle(clients, 3)
    with streams.client as admin:
        admin.execute_command("ACL SETUSER admin on nopass ~* +@all")
        for deny, allow in (
            ("ACL SETUSER default -xread -xrange", "ACL SETUSER default +@all"),
            ("ACL SETUSER default resetpass >another", "ACL SETUSER default nopass"),
        ):
            admin.execute_command("AUTH admin any")
            before = [client.codes.count("source_denied") for client in clients]
            admin.execute_command(deny)
            admin.execute_command("CLIENT KILL TYPE normal SKIPME yes")
            for client, count in zip(clients, before, strict=True):
                await client.until(lambda c=client, n=count: c.codes.count("source_denied") > n)  # type: ignore[misc]
            admin.execute_command(allow)
            await all_hear(clients, "source_recovered")
    streams.write(3)

    await settle(clients, 6)


async def test_full_and_then_a_replica__refuses_lines_and_shows_those_it_took(
    streams: Streams, clients: list[Client]
) -> None:
    streams.write(5)
    with streams.client as admin:
        admin.config_set("maxmemory", "1")
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            streams.write(1)
        admin.config_set("maxmemory", "0")
        admin.replicaof("127.0.0.1", 1)
        with pytest.raises(redis.ResponseError, match="read only"):
            streams.write(1)
        admin.replicaof("NO", "ONE")
    streams.write(1)

    await settle(clients, 6)


async def test_flood__faster_than_anybody_is_sent__accounts_for_every_line(
    streams: Streams, clients: list[Client]
) -> None:
    for first in range(0, 20_000, 1_000):
        await asyncio.to_thread(streams.write, 1_000, first=first, maxlen=2_000)

    await settle(clients, 20_000)

    for client in clients:
        assert client.told["rate_limit"] > 0
        assert "sampling_on" in client.codes
        assert client.ordinals == sorted(client.ordinals)
