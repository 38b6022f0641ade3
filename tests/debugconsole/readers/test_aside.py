"""Lines of one process alone, while the server of the streams is away."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from debugconsole.filters import parse_filter
from debugconsole.readers import aside
from debugconsole.readers.hub import Hub
from debugconsole.wire.emit import Emission, build_xadd
from debugconsole.wire.envelope import Cause
from tests.debugconsole.readers.conftest import TENANT, Streams, Watcher

Watch = Callable[..., Any]


def post(hub: Hub, streams: Streams, *messages: str, tenant: str = TENANT) -> list[bool]:
    """Do what the door does with lines while the server is away."""
    answers = []
    for message in messages:
        line = Emission(
            ts="0",
            level="info",
            stream="log",
            message=message.encode(),
            tenant=tenant,
            extension=streams.source.extension,
        )
        fields = build_xadd(line, prefix="ext-debug:")[6:]
        pairs = [part.encode() if isinstance(part, str) else part for part in fields]
        answers.append(hub.offer_aside(streams.key, pairs))
    return answers


async def take_aside(watcher: Watcher, count: int) -> list[dict[str, Any]]:
    """Take until so many lines came that are in no stream; return them as they are sent."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        taken = await watcher.take(timeout=20)
        assert not (taken.aside and taken.events)
        found += [json.loads(item.json) for item in taken.aside]
    return found


async def test_outage__lines_posted_here__are_shown_and_the_stream_goes_on_with_exact_loss(
    streams: Streams, watch: Watch, hub: Hub
) -> None:
    """4 entries, an outage with 2 lines aside, then 10 entries."""
    watcher = await watch()
    streams.write(4)
    await watcher.take_until(lambda: watcher.is_settled(4))
    position = watcher.feed.position
    streams.kill()
    await watcher.take_until(lambda: "degraded" in watcher.codes)

    assert post(hub, streams, "one", "password=hunter22") == [True, True]
    shown = await take_aside(watcher, 2)
    stats = watcher.feed.stats()
    assert (stats.produced, watcher.feed.given) == (4, position)

    streams.start()
    streams.write(10, first=4)
    await watcher.take_until(lambda: watcher.is_settled(14))
    assert post(hub, streams, "too late") == [False]

    watcher.check_account()
    assert [line["message"][:9] for line in shown] == ["one", "password="]
    assert "hunter22" not in str(shown)
    assert all(line["scope"] == "single_process" and line["id"].startswith("local-") for line in shown)
    assert not any("n" in line for line in shown)
    assert watcher.codes.count("degraded") == 1
    assert "source_recovered" in watcher.codes
    assert len(watcher.messages) + watcher.dropped[Cause.RETENTION] == 14


async def test_outage__viewer_comes_back__is_given_only_what_it_was_not_given(
    streams: Streams, watch: Watch, hub: Hub
) -> None:
    watcher = await watch(session="comes-back")
    other = await watch(session="stays")
    streams.kill()
    await watcher.take_until(lambda: "degraded" in watcher.codes)
    post(hub, streams, "one")
    await take_aside(watcher, 1)
    await hub.close(watcher.feed)
    post(hub, streams, "two")

    again = await watch(session="comes-back")
    newcomer = await watch(session="new")

    assert [line["message"] for line in await take_aside(again, 1)] == ["two"]
    assert [line["message"] for line in await take_aside(newcomer, 2)] == ["one", "two"]
    assert [line["message"] for line in await take_aside(other, 2)] == ["one", "two"]


async def test_outage__filter_pause_and_other_tenants__hold_for_these_lines_too(
    streams: Streams, watch: Watch, hub: Hub
) -> None:
    watcher = await watch(filter=parse_filter("message:yes"))
    streams.kill()
    await watcher.take_until(lambda: "degraded" in watcher.codes)

    watcher.feed.pause()
    assert post(hub, streams, "yes", "no") == [True, True]
    assert post(hub, streams, "yes", tenant="somebody-else") == [False]
    assert not (await watcher.take(timeout=0)).aside
    watcher.feed.resume()

    assert [line["message"] for line in await take_aside(watcher, 1)] == ["yes"]
    assert not (await watcher.take(timeout=0)).aside


async def test_outage__more_than_fits__the_newest_stay_and_the_rest_is_told(
    streams: Streams, watch: Watch, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "MOST_LINES", 3)
    watcher = await watch()
    streams.kill()
    await watcher.take_until(lambda: "degraded" in watcher.codes)

    post(hub, streams, *"abcde")

    assert [line["message"] for line in await take_aside(watcher, 3)] == ["c", "d", "e"]
    assert [notice.count for notice in watcher.notices if notice.code == "degraded"] == [None, 2]
    newcomer = await watch()
    assert [line["message"] for line in await take_aside(newcomer, 3)] == ["c", "d", "e"]
