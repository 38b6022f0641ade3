"""Sessions looked through: opened, watched over, taken away, and their counters kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from redis.asyncio import Redis

from debugconsole import viewing
from debugconsole.errors import BusyError, EndedError
from debugconsole.models import DebugAudit, DebugSession, Extension
from debugconsole.readers import hub
from debugconsole.readers.feed import Feed, Taken
from debugconsole.readers.hub import get_hub
from debugconsole.services.sessions import Viewer, Wish, end_session, open_session
from debugconsole.viewing import begin, finish, make_source, token_of
from debugconsole.wire.emit import Emission, build_xadd
from debugconsole.wire.envelope import EndReason
from debugconsole.wire.tokens import TokenError
from observability.models import Membership, Project, RedactionRule, User

pytestmark = pytest.mark.usefixtures("clean")
PATIENCE_SECONDS = 20.0


@sync_to_async
def open_for(user: User, extension: Extension, **wish: Any) -> DebugSession:
    return open_session(viewer=Viewer(user=user, transport="sse"), extension=extension, wish=Wish(**wish)).session


async def write(session: DebugSession, *messages: str, **fields: Any) -> None:
    source = make_source(session)
    client: Any
    async with Redis.from_url(settings.DEBUG_REDIS_URL) as client:
        for message in messages:
            said = {"ts": "0", "level": "info", "stream": "log", **fields}
            line = Emission(message=message.encode(), tenant=source.tenant, extension=source.extension, **said)
            await client.execute_command(*build_xadd(line, prefix=source.prefix))


async def take(feed: Feed, count: int) -> tuple[list[str], Taken]:
    """Take until so many lines came; return them and what was taken last."""
    messages: list[str] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            taken = await feed.take(timeout=1)
            messages += [item.line.message for item in taken.events]
            if len(messages) >= count or taken.end:
                return messages, taken


async def test_session__resumed_by_its_token__goes_on_where_it_was(owner: User, extension: Extension) -> None:
    session = await open_for(owner, extension)
    feed = await begin(session)
    await write(session, "one", "two")
    messages, taken = await take(feed, 2)
    token = token_of(feed, taken.position)
    await finish(feed)
    await write(session, "three")

    feed = await begin(session, after=token)
    more, _ = await take(feed, 1)
    await finish(feed, reason=EndReason.CLOSED)

    assert (messages, more) == (["one", "two"], ["three"])
    kept = await DebugSession.objects.aget(pk=session.pk)
    assert (kept.produced, kept.delivered, kept.resumes, kept.end_reason) == (3, 3, 1, "closed")
    closed = await DebugAudit.objects.aget(action="session.closed")
    assert (closed.detail["delivered"], closed.detail["dropped"]) == (3, {})


async def test_token__of_another_session__is_refused(owner: User, extension: Extension) -> None:
    one, other = await open_for(owner, extension), await open_for(owner, extension)
    feed = await begin(one)
    token = token_of(feed, feed.position)

    with pytest.raises(TokenError):
        await begin(other, after=token)


async def test_session__over__is_not_opened(owner: User, extension: Extension) -> None:
    session = await open_for(owner, extension)
    await sync_to_async(end_session)(session_id=session.pk, reason=EndReason.CLOSED)

    with pytest.raises(EndedError):
        await begin(session)


async def test_session__about_one_install_and_request__sees_no_others_whatever_its_filter(
    owner: User, extension: Extension
) -> None:
    session = await open_for(owner, extension, install_id="I-1", request_id="R-1", filter="install:I-2 OR a")
    await write(session, "a", install="I-1", request="R-1")
    await write(session, "a no", install="I-2", request="R-1")
    await write(session, "a no", install="I-1", request="R-2")
    await write(session, "a no")
    await write(session, "a last", install="i-1", request="r-1")

    feed = await begin(session)
    messages, _ = await take(feed, 2)

    assert messages == ["a", "a last"]


async def test_project__with_a_rule_of_its_own__has_it_hidden(
    owner: User, extension: Extension, project: Project
) -> None:
    await RedactionRule.objects.acreate(project=project, kind="pattern", value=r"CARD-\d+")
    session = await open_for(owner, extension)
    feed = await begin(session)
    await write(session, "paid with CARD-4711")

    messages, _ = await take(feed, 1)

    assert messages == ["paid with [REDACTED]"]


async def test_warden__membership_taken_away__ends_and_gives_out_nothing_more(
    teammate: User, owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "CHECK_SECONDS", 0.05)
    session, other = await open_for(teammate, extension), await open_for(owner, extension)
    feed, others = await begin(session), await begin(other)
    await Membership.objects.filter(user=teammate).adelete()

    _, taken = await take(feed, 1)
    await finish(feed)
    await write(session, "after")
    messages, _ = await take(others, 1)

    assert taken.end is not None
    assert taken.end.reason == EndReason.REVOKED
    assert messages == ["after"]
    assert (await DebugSession.objects.aget(pk=session.pk)).end_reason == "revoked"
    assert await DebugAudit.objects.filter(action="session.closed", session_id=session.pk).acount() == 1


async def test_warden__now_and_then__keeps_the_counters(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(viewing, "KEEP_SECONDS", 0.0)
    session = await open_for(owner, extension)
    feed = await begin(session)
    await write(session, "one")
    await take(feed, 1)

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await DebugSession.objects.aget(pk=session.pk)).delivered:
            await asyncio.sleep(0.02)

    kept = await DebugSession.objects.aget(pk=session.pk)
    assert (kept.delivered, kept.is_attached) == (1, True)
    await finish(feed)
    kept = await DebugSession.objects.aget(pk=session.pk)
    assert (kept.delivered, kept.is_attached, get_hub().feeds) == (1, False, {})


async def test_session__for_which_this_process_has_no_room__is_not_taken_for_a_connected_one(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MOST_FEEDS", 0)
    session = await open_for(owner, extension)

    with pytest.raises(BusyError):
        await begin(session)

    assert not (await DebugSession.objects.aget(pk=session.pk)).is_attached
    assert get_hub().feeds == {}


async def test_session__left_with_lines_waiting__counts_them_when_it_is_back_and_once(
    owner: User, extension: Extension
) -> None:
    session = await open_for(owner, extension)
    feed = await begin(session)
    await write(session, *"abc")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while feed.stats().queued < 3:
            await asyncio.sleep(0.01)
    taken = await feed.take(most_events=1)
    await finish(feed)

    feed = await begin(session, after=token_of(feed, taken.position))
    await take(feed, 2)
    await finish(feed, reason=EndReason.CLOSED)

    kept = await DebugSession.objects.aget(pk=session.pk)
    assert (kept.produced, kept.delivered, kept.dropped) == (3, 3, {})
