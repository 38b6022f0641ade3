"""Readers and feeds on a real Valkey: each line once, whoever joins when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from debugconsole.errors import BusyError
from debugconsole.filters import parse_filter
from debugconsole.readers import hub as hub_module
from debugconsole.readers.feed import Feed, FeedLimits
from debugconsole.readers.hub import Hub
from debugconsole.readers.pace import PaceLimits
from debugconsole.wire.envelope import Cause, EndReason, SourceState
from debugconsole.wire.lines import EntryId
from debugconsole.wire.prepare import Source
from debugconsole.wire.profiles import STRICT
from debugconsole.wire.tokens import Position
from tests.debugconsole.readers.conftest import PATIENCE_SECONDS, TENANT, Streams

Watch = Callable[..., Any]
UNHURRIED = FeedLimits(lines=100_000, bytes=2**30, pace=PaceLimits(lines_per_second=10**9, bytes_per_second=10**12))


async def write_while(streams: Streams, count: int, *, first: int = 0, batch: int = 50, **options: Any) -> None:
    """Publish from a thread, in many small batches."""
    for number in range(first, first + count, batch):
        await asyncio.to_thread(streams.write, batch, first=number, **options)


def list_waiting(streams: Streams) -> list[Any]:
    """Return the connections that wait for entries."""
    return [client for client in streams.client.client_list() if client["cmd"].startswith("xread")]


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


async def test_feed__a_stream_that_is_new__hears_its_first_line(streams: Streams, watch: Watch) -> None:
    watcher = await watch()
    streams.write(3)

    await watcher.take_until(lambda: watcher.is_settled(3))

    assert watcher.messages == ["0", "1", "2"]
    assert watcher.ordinals == [1, 2, 3]


async def test_feeds__with_different_profiles__each_see_their_own(streams: Streams, watch: Watch) -> None:
    streams.write(1)
    standard, strict = await watch(tail=5), await watch(tail=5, profile=STRICT)
    streams.write(2, first=1, request="tom@x.io")

    for watcher in (standard, strict):
        await watcher.take_until(partial(watcher.is_settled, 3))

    assert [line.request for line in standard.lines] == [None, "tom@x.io", "tom@x.io"]
    assert [line.request for line in strict.lines] == [None, "[REDACTED]", "[REDACTED]"]


async def test_feed__with_a_tail__has_the_last_lines_and_then_what_comes(streams: Streams, watch: Watch) -> None:
    streams.write(100)
    watcher = await watch(tail=20)
    streams.write(5, first=100)

    await watcher.take_until(lambda: watcher.is_settled(25))

    assert watcher.messages == numbers(80, 105)
    assert watcher.ordinals == list(range(81, 106))


async def test_feed__joined_in_the_middle_of_a_flood__has_each_line_once(streams: Streams, watch: Watch) -> None:
    streams.write(500)
    writing = asyncio.create_task(write_while(streams, 3_000, first=500))
    watchers = []
    for tail in (0, 10, 200, 2_000):
        watchers.append(await watch(tail=tail, limits=UNHURRIED))
        await watchers[-1].take_until(lambda: bool(watchers[-1].messages))
    await writing

    for watcher in watchers:
        await watcher.take_until(lambda watcher=watcher: watcher.messages[-1:] == ["3499"])
        watcher.check_account()
        assert watcher.messages == numbers(int(watcher.messages[0]), 3_500)
        assert [int(message) + 1 for message in watcher.messages] == watcher.ordinals


async def test_reader__many_viewers__has_one_connection(streams: Streams, hub: Hub, watch: Watch) -> None:
    watchers = [await watch(session=str(number)) for number in range(20)]
    streams.write(10)
    for watcher in watchers:
        await watcher.take_until(lambda watcher=watcher: watcher.is_settled(10))

    assert len(hub.readers) == 1
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (waiting := list_waiting(streams)):
            await asyncio.sleep(0.01)
    assert len(waiting) == 1


async def test_reader__last_viewer_gone__ends_after_a_while(streams: Streams, hub: Hub, watch: Watch) -> None:
    one, other = await watch(), await watch()
    await hub.close(one.feed)
    assert len(hub.readers) == 1
    await hub.close(other.feed)

    # The reader is forgotten at once, and gives up its connection after that.
    async with asyncio.timeout(5):
        while hub.readers or list_waiting(streams):
            await asyncio.sleep(0.02)

    assert hub.state_of(other.feed) == SourceState.CLOSED


async def test_reader__a_viewer_back_in_time__goes_on(streams: Streams, hub: Hub, watch: Watch) -> None:
    one = await watch()
    (reader,) = hub.readers.values()
    await hub.close(one.feed)
    other = await watch()
    streams.write(1)
    await other.take_until(lambda: other.is_settled(1))

    assert list(hub.readers.values()) == [reader]


async def test_resume__where_it_left__has_the_rest_once(streams: Streams, hub: Hub, watch: Watch) -> None:
    first = await watch(limits=UNHURRIED)
    streams.write(1_000)
    await first.take(most_events=300)
    while len(first.messages) < 300:
        await first.take(most_events=300 - len(first.messages))
    assert first.last is not None
    await hub.close(first.feed)
    streams.write(500, first=1_000)

    second = await watch(after=first.last.position, limits=UNHURRIED)
    streams.write(10, first=1_500)
    await second.take_until(lambda: second.messages[-1:] == ["1509"])

    assert first.messages + second.messages == numbers(0, 1_510)
    assert second.feed.resume_outcome == "exact"


async def test_resume__after_a_trim__says_exactly_how_many_were_lost(streams: Streams, hub: Hub, watch: Watch) -> None:
    first = await watch()
    streams.write(10)
    await first.take_until(lambda: first.is_settled(10))
    assert first.last is not None
    await hub.shut()
    streams.write(5_000, first=10)
    streams.trim(2_000)

    second = await watch(after=first.last.position, limits=UNHURRIED)
    await second.take_until(lambda: second.is_settled(5_000))

    assert second.feed.resume_outcome == "lost"
    assert second.dropped == {Cause.RETENTION: 3_000}
    assert second.messages == numbers(3_010, 5_010)
    second.check_account()


async def test_resume__nothing_happened__is_exact(streams: Streams, hub: Hub, watch: Watch) -> None:
    first = await watch()
    streams.write(3)
    await first.take_until(lambda: first.is_settled(3))
    assert first.last is not None
    await hub.close(first.feed)

    second = await watch(after=first.last.position)
    streams.write(1, first=3)
    await second.take_until(lambda: bool(second.messages))

    assert (second.messages, second.feed.resume_outcome) == (["3"], "exact")


async def test_resume__in_another_stream_under_the_key__is_a_reset(streams: Streams, hub: Hub, watch: Watch) -> None:
    first = await watch()
    streams.write(50)
    await first.take_until(lambda: first.is_settled(50))
    assert first.last is not None
    await hub.shut()
    streams.client.delete(streams.key)
    streams.write(5, first=100)

    second = await watch(after=first.last.position)
    await second.take_until(lambda: len(second.messages) == 5)

    assert second.messages == numbers(100, 105)
    assert (second.feed.resume_outcome, "reset" in second.codes) == ("reset", True)


async def test_resume__the_reader_is_behind__repeats_nothing(streams: Streams, watch: Watch) -> None:
    """A reader of another process may have been further than this one is."""
    streams.write(10)
    ids = [entry_id.decode() for entry_id, _ in streams.client.xrange(streams.key)]
    ahead = Position(EntryId(*map(int, ids[7].split("-"))), 8)
    feed = Feed(session_id="s", source=streams.source, after=ahead)
    feed.begin(Position(EntryId(*map(int, ids[4].split("-"))), 5))

    assert feed.position == ahead


async def test_filter__a_tail_and_live_lines__gets_those_that_match(streams: Streams, watch: Watch) -> None:
    streams.write(10, level="warn")
    watcher = await watch(tail=100, filter=parse_filter("level>=error"))
    streams.write(5, first=10, level="error")
    streams.write(5, first=15)

    await watcher.take_until(lambda: watcher.is_settled(20))

    assert watcher.messages == numbers(10, 15)
    assert watcher.feed.stats().filtered == 15


async def test_guard__a_foreign_line_in_the_key__is_counted_and_never_seen(streams: Streams, watch: Watch) -> None:
    watcher = await watch()
    with streams.client as client:
        for tenant in (TENANT.upper(), "11111111-d9cb-469f-a165-70867728950e"):
            client.xadd(streams.key, {"message": "m", "tenant": tenant, "extension": streams.source.extension or ""})
        client.xadd(streams.key, {"message": "nobody's"})
        client.xadd(streams.key, {"colour": "blue"})

    await watcher.take_until(lambda: watcher.is_settled(4))

    assert watcher.messages == ["m"]
    assert watcher.dropped == {Cause.FOREIGN: 2, Cause.DECODE_ERROR: 1}
    watcher.check_account()


async def test_bytes__that_are_no_text__cost_no_other_line(streams: Streams, watch: Watch) -> None:
    watcher = await watch()
    with streams.client as client:
        whose = {"tenant": TENANT, "extension": streams.source.extension or ""}
        client.xadd(streams.key, {**whose, "message": b"\xff\xfe", "request": b"\xff"})
        client.xadd(streams.key, {**whose, "message": "after"})

    await watcher.take_until(lambda: watcher.is_settled(2))

    assert watcher.messages == ["\N{REPLACEMENT CHARACTER}" * 2, "after"]


async def test_entries__older_than_may_be_shown__are_counted(streams: Streams, watch: Watch) -> None:
    old = int(time.time() * 1000) - 20 * 60_000
    with streams.client as client:
        for number in range(3):
            client.xadd(streams.key, {"message": "old", "tenant": TENANT}, id=f"{old}-{number + 1}")
    streams.write(2)

    tail = await watch(tail=10)
    since = await watch(after=Position(EntryId(old, 1), 1))
    await tail.take_until(lambda: tail.is_settled(2))
    await since.take_until(lambda: since.is_settled(4))

    assert tail.messages == since.messages == ["0", "1"]
    assert since.dropped == {Cause.RETENTION: 2}


async def test_private_key__begun_before_the_tail__is_hidden_all_the_same(streams: Streams, watch: Watch) -> None:
    with streams.client as client:
        for message in ("-----BEGIN PRIVATE KEY-----", "MIIEowIBAAKCAQEAn0tv3ryS3cr3tAAAA", "c2VjcmV0IGtleQ=="):
            whose = {"tenant": TENANT, "extension": streams.source.extension or "", "request": "r"}
            client.xadd(streams.key, {**whose, "message": message})

    tail = await watch(tail=1)
    await tail.take_until(lambda: tail.is_settled(1))

    assert tail.messages == ["[REDACTED]"]


async def test_session__opened_again__replaces_the_older_one(streams: Streams, hub: Hub, watch: Watch) -> None:
    older = await watch(session="one")
    newer = await watch(session="one")

    taken = await older.take()

    assert taken.end is not None
    assert taken.end.reason == EndReason.REPLACED
    assert hub.feeds == {"one": newer.feed}


async def test_hub__as_many_viewers_as_it_serves__refuses_the_next(
    streams: Streams, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MOST_FEEDS", 1)
    await watch()

    with pytest.raises(BusyError):
        await watch()


async def test_hub__as_many_streams_as_it_reads__refuses_the_next(
    streams: Streams, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MOST_READERS", 1)
    await watch()

    with pytest.raises(BusyError):
        await watch(source=Source(prefix="p:", key="p:t:e", tenant="t", extension="e"))


async def test_shut__with_viewers__tells_them_to_come_back(streams: Streams, hub: Hub, watch: Watch) -> None:
    watcher = await watch()
    await hub.shut()

    taken = await watcher.take()

    assert taken.end is not None
    assert (taken.end.reason, taken.end.retry_ms) == (EndReason.SERVER_DRAIN, 1_000)
