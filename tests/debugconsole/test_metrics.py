"""A scripted run, scraped, against numbers counted by hand."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from config.metrics import write_metrics
from debugconsole.errors import RefusedError
from debugconsole.models import DebugPolicy, Extension
from debugconsole.readers.feed import Feed
from debugconsole.readers.janitor import trim_streams
from debugconsole.services.policies import create_policy, delete_policy
from debugconsole.services.sessions import Viewer, Wish, open_session
from debugconsole.viewing import begin, finish, token_of
from debugconsole.wire.emit import Emission, build_xadd
from debugconsole.wire.envelope import EndReason
from debugconsole.wire.tokens import TokenError
from observability.models import User

pytestmark = pytest.mark.usefixtures("clean")
PATIENCE_SECONDS = 20.0


def scrape() -> dict[str, float]:
    """Return every sample by its name and labels."""
    found: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(write_metrics().decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def publish(key_of: Feed, *lines: dict[str, Any]) -> None:
    """Publish lines into the feed's stream, whatever they say of themselves."""
    source = key_of.source
    client: Any
    async with Redis.from_url(settings.DEBUG_REDIS_URL) as client:
        for line in lines:
            said: dict[str, Any] = {"ts": "0", "level": "info", "stream": "log", "message": b"x"}
            said |= {"tenant": source.tenant, "extension": source.extension, **line}
            command = build_xadd(Emission(**said), prefix=source.prefix)
            command[1] = source.key
            await client.execute_command(*command)


async def take_all(feed: Feed, produced: int) -> None:
    """Take until everything is accounted for."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (stats := feed.stats()).produced < produced or stats.queued:
            await feed.take(timeout=0.5)


async def test_scrape__after_a_scripted_run__says_what_was_counted_by_hand(owner: User, extension: Extension) -> None:
    """12 entries: 7 of stdout, 2 of stderr with a secret each, 2 of another tenant, 1 that is none. Filter: stdout."""
    before = scrape()
    opened = await sync_to_async(open_session)(
        viewer=Viewer(user=owner, transport="sse"), extension=extension, wish=Wish(filter="stream:stdout")
    )
    feed = await begin(opened.session)

    await publish(feed, *[{"stream": "stdout"}] * 7)
    await publish(feed, *[{"stream": "stderr", "message": b"password=hunter22 for the database"}] * 2)
    await publish(feed, *[{"tenant": "somebody-else"}] * 2)
    async with Redis.from_url(settings.DEBUG_REDIS_URL) as client:
        await client.xadd(feed.source.key, {"nothing": "known"})
    await take_all(feed, 12)
    token = token_of(feed, feed.position)
    await finish(feed)
    again = await begin(opened.session, after=token)
    during = scrape()
    await take_all(again, 0)
    with pytest.raises(TokenError):
        await begin(opened.session, after="nonsense")
    await again.wait_resumed(PATIENCE_SECONDS)
    await finish(again, reason=EndReason.CLOSED)

    after = scrape()
    grown = {name: value - before[name] for name, value in after.items() if value != before[name]}
    expected = {
        "debug_events_read_total{stream=stdout}": 7,
        "debug_events_read_total{stream=stderr}": 2,
        "debug_events_read_total{stream=none}": 3,
        "debug_events_matched_total": 7,
        "debug_events_delivered_total{transport=sse}": 7,
        "debug_events_dropped_total{cause=foreign}": 2,
        "debug_events_dropped_total{cause=decode_error}": 1,
        "debug_events_redacted_total{kind=named_secret}": 2,
        "debug_tenant_mismatch_total": 2,
        "debug_decode_errors_total": 1,
        "debug_sessions_total{result=opened}": 1,
        "debug_session_end_total{reason=closed}": 1,
        "debug_policy_decisions_total{effect=allowed,rule=default}": 1,
        "debug_resume_total{outcome=exact}": 1,
        "debug_resume_total{outcome=invalid}": 1,
    }
    names = {name.partition("{")[0] for name in expected}
    assert {name: value for name, value in grown.items() if name.partition("{")[0] in names} == expected
    assert during["debug_sessions_open"] == during["debug_readers"] == 1
    assert after["debug_sessions_open"] == 0
    assert after["debug_redis_up"] == 1


async def test_scrape__viewer_came_back_too_late__says_how_many_lines_it_lost(
    owner: User, extension: Extension
) -> None:
    """It saw 2; of the 10 that came while it was away the oldest 6 were trimmed."""
    opened = await sync_to_async(open_session)(
        viewer=Viewer(user=owner, transport="poll"), extension=extension, wish=Wish()
    )
    feed = await begin(opened.session)
    await publish(feed, *[{}] * 2)
    await take_all(feed, 2)
    token = token_of(feed, feed.position)
    await finish(feed)
    await publish(feed, *[{}] * 10)
    async with Redis.from_url(settings.DEBUG_REDIS_URL) as client:
        await client.xtrim(feed.source.key, maxlen=4, approximate=False)
    before = scrape()

    again = await begin(opened.session, after=token)
    await take_all(again, 10)
    await finish(again)

    after = scrape()
    for name, count in (
        ("debug_events_lost_retention_total", 6),
        ("debug_events_dropped_total{cause=retention}", 6),
        ("debug_events_delivered_total{transport=poll}", 4),
        ("debug_resume_total{outcome=lost}", 1),
    ):
        assert after[name] - before[name] == count


async def test_scrape__session_refused__says_by_what_kind_of_rule(owner: User, extension: Extension) -> None:
    rule = await sync_to_async(create_policy)(
        created_by=None,
        scope=DebugPolicy.Scope.EXTENSION,
        extension=extension,
        effect=DebugPolicy.Effect.DENY,
        reason="No.",
    )
    before = await sync_to_async(scrape)()

    with pytest.raises(RefusedError):
        await sync_to_async(open_session)(viewer=Viewer(user=owner, transport="ws"), extension=extension, wish=Wish())

    after = await sync_to_async(scrape)()
    for name in (
        "debug_sessions_total{result=policy_denied}",
        "debug_policy_decisions_total{effect=policy_denied,rule=extension}",
    ):
        assert after[name] - before[name] == 1
    await sync_to_async(delete_policy)(policy=rule, deleted_by=None)


async def test_scrape__lines_of_nobody_and_lines_that_are_too_old__are_counted_by_the_janitor(
    extension: Extension,
) -> None:
    async with Redis.from_url(settings.DEBUG_REDIS_URL) as client:
        for key in ("ext-debug:unknown", "ext-debug:some-extension", f"ext-debug:{extension.organization.tenant_id}:x"):
            for number in range(3):
                await client.xadd(key, {"message": "x"}, id=f"{number + 1}-1")
    before = await sync_to_async(scrape)()

    trimmed = await sync_to_async(trim_streams)()

    after = await sync_to_async(scrape)()
    assert trimmed == 9
    assert after["debug_entries_trimmed_total"] - before["debug_entries_trimmed_total"] == 9
    assert after["debug_uncorrelated_total"] == 6
    assert after["debug_janitor_last_run_seconds"] > 1.7e9
