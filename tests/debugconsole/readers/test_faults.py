"""What happens to the server of the streams, and what a viewer is told: delivered and counted is produced, always."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis

from debugconsole.readers.feed import Feed, FeedLimits
from debugconsole.readers.hub import Hub
from debugconsole.readers.pace import PaceLimits
from debugconsole.wire.envelope import Cause, SourceState
from tests.debugconsole.readers.conftest import TENANT, Flood, Streams, Watcher, count_added

pytestmark = pytest.mark.slow
Watch = Callable[..., Any]
UNHURRIED = FeedLimits(lines=200_000, bytes=2**30, pace=PaceLimits(lines_per_second=10**9, bytes_per_second=10**12))


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


async def test_killed_in_a_flood__and_started_again__accounts_for_every_line(streams: Streams, watch: Watch) -> None:
    watcher = await watch(limits=UNHURRIED)
    flood = Flood(streams, maxlen=2_000)
    await flood.reach(3_000)
    streams.kill()
    await watcher.take_until(lambda: "source_unavailable" in watcher.codes)
    streams.start()
    await flood.reach(flood.taken + 4_000)
    await flood.stop()

    await watcher.take_until(lambda: watcher.is_settled(count_added(streams)))

    watcher.check_account()
    assert "source_recovered" in watcher.codes
    assert "reset" not in watcher.codes
    assert len(watcher.ordinals) + watcher.dropped[Cause.RETENTION] == count_added(streams)


async def test_killed__and_resumed_by_another_process__loses_what_was_trimmed_and_repeats_none(
    streams: Streams, watch: Watch
) -> None:
    """The page is reloaded while the server is away."""
    first = await watch(limits=UNHURRIED)
    flood = Flood(streams, maxlen=2_000)
    await flood.reach(2_000)
    await first.take_until(lambda: len(first.messages) > 500)
    assert first.last is not None
    await first.hub.close(first.feed)
    streams.kill()
    streams.start()
    await flood.reach(flood.taken + 5_000)
    await flood.stop()
    added = count_added(streams)

    other = Hub(linger=0)
    feed = Feed(session_id="reloaded", source=streams.source, after=first.last.position, limits=UNHURRIED)
    second = Watcher(other, await other.open(feed))
    await second.take_until(lambda: second.is_settled(added - first.last.position.ordinal))
    await other.shut()

    assert second.feed.resume_outcome == "lost"
    assert not set(first.ordinals) & set(second.ordinals)
    given_away = sum(first.dropped.values())
    assert len(first.ordinals) + given_away + len(second.ordinals) + second.dropped[Cause.RETENTION] == added


async def test_frozen__longer_than_the_watchdog_waits__is_noticed_and_caught_up(streams: Streams, watch: Watch) -> None:
    watcher = await watch(limits=UNHURRIED)
    streams.write(10)
    await watcher.take_until(lambda: watcher.is_settled(10))
    streams.freeze()
    await watcher.take_until(lambda: "source_unavailable" in watcher.codes)
    assert watcher.hub.state_of(watcher.feed) == SourceState.UNAVAILABLE
    streams.thaw()
    streams.write(10, first=10)

    await watcher.take_until(lambda: watcher.is_settled(20))

    assert watcher.messages == numbers(0, 20)
    assert watcher.hub.state_of(watcher.feed) == SourceState.LIVE
    watcher.check_account()


async def test_started_empty__says_reset_and_goes_on(streams: Streams, watch: Watch) -> None:
    watcher = await watch()
    streams.write(50)
    await watcher.take_until(lambda: watcher.is_settled(50))
    streams.kill()
    streams.forget()
    streams.start()
    streams.write(7, first=100)

    await watcher.take_until(lambda: watcher.is_settled(57))

    assert watcher.messages == numbers(0, 50) + numbers(100, 107)
    assert "reset" in watcher.codes


async def test_key_deleted__says_reset_and_goes_on(streams: Streams, watch: Watch) -> None:
    watcher = await watch()
    streams.write(50)
    await watcher.take_until(lambda: watcher.is_settled(50))
    streams.client.delete(streams.key)
    await watcher.take_until(lambda: "reset" in watcher.codes)
    streams.write(5, first=100)

    await watcher.take_until(lambda: watcher.is_settled(55))

    assert watcher.messages[-5:] == numbers(100, 105)
    assert watcher.codes.count("reset") == 1


async def test_key_deleted_and_outgrown_at_once__shows_all_of_the_new_one(streams: Streams, watch: Watch) -> None:
    watcher = await watch(limits=UNHURRIED)
    streams.write(10)
    await watcher.take_until(lambda: watcher.is_settled(10))
    with streams.client as client, client.pipeline(transaction=True) as pipe:
        pipe.delete(streams.key)
        for number in range(300):
            whose = {"tenant": TENANT, "extension": streams.source.extension or ""}
            pipe.xadd(streams.key, {**whose, "message": str(number + 100)})
        pipe.execute()

    await watcher.take_until(lambda: watcher.is_settled(310))

    assert watcher.messages == numbers(0, 10) + numbers(100, 400)
    assert "reset" in watcher.codes


async def test_permission_taken_away__says_so__and_catches_up_when_it_is_back(streams: Streams, watch: Watch) -> None:
    watcher = await watch()
    streams.write(3)
    await watcher.take_until(lambda: watcher.is_settled(3))
    with streams.client as client:
        client.execute_command("ACL SETUSER admin on nopass ~* +@all")
        client.execute_command("ACL SETUSER default -xread -xrange")
        client.execute_command("CLIENT KILL TYPE normal SKIPME yes")
    await watcher.take_until(lambda: "source_denied" in watcher.codes)
    assert watcher.hub.state_of(watcher.feed) == SourceState.DENIED
    streams.client.execute_command("ACL SETUSER default +@all")
    streams.write(3, first=3)

    await watcher.take_until(lambda: watcher.is_settled(6))

    assert watcher.messages == numbers(0, 6)


async def test_memory_full__what_was_taken_is_read(streams: Streams, watch: Watch) -> None:
    watcher = await watch()
    streams.write(5)
    with streams.client as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            streams.write(1, first=5)
        client.config_set("maxmemory", "0")
    streams.write(1, first=6)

    await watcher.take_until(lambda: watcher.is_settled(6))

    assert watcher.messages == [*numbers(0, 5), "6"]


async def test_flood__faster_than_a_viewer_reads__accounts_for_every_line(streams: Streams, watch: Watch) -> None:
    slow = await watch(limits=FeedLimits(lines=500))
    fast = await watch(limits=UNHURRIED)
    for first in range(0, 20_000, 2_000):
        await asyncio.to_thread(streams.write, 2_000, first=first, maxlen=2_000)
        await slow.take(most_events=20)

    await fast.take_until(lambda: fast.is_settled(20_000))
    await slow.take_until(lambda: slow.is_settled(20_000))

    for watcher in (slow, fast):
        watcher.check_account()
        assert len(watcher.messages) + sum(watcher.dropped.values()) == 20_000
    assert slow.dropped[Cause.RATE_LIMIT] > 0
