"""Whose lines a stream shows, and that it ends when they may be seen no longer: over every transport.

Who may open which is in `test_isolation.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import override_settings

from debugconsole import viewing
from debugconsole.models import DebugAudit, DebugSession, Extension
from debugconsole.services import sessions
from debugconsole.services.sessions import Opened
from observability.models import ApiKey, Membership, Project, User
from tests.debugconsole.api.conftest import admin, debug_key
from tests.debugconsole.conftest import set_rule
from tests.debugconsole.transports.conftest import Events, Exchange, Socket, open_for, sign_in, write

__all__ = ["admin", "debug_key"]
pytestmark = pytest.mark.usefixtures("clean")
COMPATIBLE = "/api/ext-debug/stream?extensionId=ext-1"


def poll_path(session: DebugSession, after: str = "") -> str:
    return f"/api/debug/sessions/{session.pk}/poll?wait=5&after={after}"


def events_path(session: DebugSession) -> str:
    return f"/api/debug/sessions/{session.pk}/events"


async def ask(path: str, **given: Any) -> int:
    """Return the status of an address, and go."""
    exchange = Exchange(path, **given)
    status = await exchange.open()
    await exchange.leave()
    return status


async def test_session__of_ones_own__opens_by_cookie_and_by_the_key_that_opened_it(
    owner: User, admin: User, teammate: User, debug_key: str, extension: Extension
) -> None:
    key = await ApiKey.objects.aget(public_id=debug_key.partition(".")[0])
    by_hand, by_key = (
        (await open_for(teammate, extension)).session,
        (await open_for(teammate, extension, key=key)).session,
    )
    cookie = await sign_in(teammate)

    own = [await ask(path, cookie=cookie) for path in (events_path(by_hand), poll_path(by_hand), events_path(by_key))]
    keys = [await ask(path, api_key=debug_key) for path in (events_path(by_key), poll_path(by_key))]
    others = [await ask(path, api_key=debug_key) for path in (events_path(by_hand), poll_path(by_hand))]
    compatible = [await ask(COMPATIBLE, cookie=await sign_in(person)) for person in (owner, admin)]

    assert own == [200] * 3
    assert (keys, others) == ([200, 200], [404, 404])
    assert [*compatible, await ask(COMPATIBLE, api_key=debug_key)] == [200] * 3


async def test_session__named_in_another_case_or_with_forged_headers__is_no_other_door(
    teammate: User, stranger: User, extension: Extension, foreign_extension: Extension, foreign_project: Project
) -> None:
    session = (await open_for(teammate, extension)).session
    await write(session, "own")
    theirs = (await open_for(stranger, foreign_extension)).session
    await write(theirs, "foreign")
    cookie = await sign_in(teammate)
    forged = str(foreign_project.organization.tenant_id)
    headers: dict[str, Any] = {"x_alga_tenant": forged, "x_tenant_id": forged, "x_alga_extension": "ext-1"}

    upper = events_path(session).replace(str(session.pk), str(session.pk).upper())
    statuses = [await ask(upper, cookie=await sign_in(person)) for person in (teammate, stranger)]
    polled = await Exchange(poll_path(session), cookie=cookie, **headers).fetch()
    streamed = Events(COMPATIBLE.replace("ext-1", "EXT-1"), cookie=cookie, **headers)
    await streamed.open()
    await streamed.hear_until(lambda: bool(streamed.messages))
    await streamed.leave()

    assert statuses == [404, 404]
    assert [event["message"] for event in polled["events"]] == streamed.messages == ["own"]


@dataclass
class Seen:
    """What one person saw of an extension, over each transport."""

    messages: dict[str, list[str]] = field(default_factory=dict)
    notices: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)


async def look_everywhere(user: User, opened: Opened) -> Seen:
    """Look until there is a line, over each transport."""
    seen, session, cookie = Seen(), opened.session, await sign_in(user)
    socket = Socket(session, ticket=opened.ticket)
    await socket.open()
    await socket.hear_until(lambda: bool(socket.events))
    await socket.leave()
    seen.messages["ws"], seen.notices["ws"] = socket.messages, socket.notices
    for name, path in (("sse", events_path(session)), ("compat", COMPATIBLE)):
        events = Events(path, cookie=cookie)
        await events.open()
        await events.hear_until(lambda events=events: bool(events.messages))  # type: ignore[misc]
        await events.leave()
        seen.messages[name], seen.notices[name] = events.messages, events.notices
        seen.comments += events.comments
    polled = await Exchange(poll_path(session), cookie=cookie).fetch()
    glanced = await Exchange(COMPATIBLE, method="POST", cookie=cookie).fetch()
    for name, answer in (("poll", polled), ("glance", glanced)):
        seen.messages[name] = [event["message"] for event in answer["events"]]
    seen.notices["poll"] = polled["notices"]
    return seen


async def test_line__of_a_foreign_tenant_in_a_permitted_stream__reaches_nobody_and_is_counted(
    owner: User, extension: Extension
) -> None:
    opened = await open_for(owner, extension)
    await write(opened.session, "stolen", tenant="0f8fad5b-d9cb-469f-a165-70867728950e")
    await write(opened.session, "of another extension", extension="ext-2")
    await write(opened.session, "own", tenant=str(extension.organization.tenant_id).upper(), extension="EXT-1")

    seen = await look_everywhere(owner, opened)

    assert set(seen.messages) == {"ws", "sse", "compat", "poll", "glance"}
    assert all(messages == ["own"] for messages in seen.messages.values())
    for name in ("ws", "sse", "poll"):
        assert [(notice["cause"], notice["count"]) for notice in seen.notices[name]] == [("foreign", 2)]
    assert any('"cause":"foreign"' in comment for comment in seen.comments)
    kept = [session.dropped async for session in DebugSession.objects.filter(transport="compat")]
    assert kept == [{"foreign": 2}] * 2


async def test_line__where_more_is_hidden__is_hidden_from_every_stream(owner: User, extension: Extension) -> None:
    await sync_to_async(set_rule)("allow", scope="extension", extension=extension, redaction_profile="strict")
    opened = await open_for(owner, extension)
    await write(opened.session, "mail to tom@example.com, password=hunter22")

    seen = await look_everywhere(owner, opened)

    hidden = ["mail to [REDACTED], password=[REDACTED]"]
    assert all(messages == hidden for messages in seen.messages.values())


class Everything:
    """One stream of each kind, of one person."""

    async def open(self, user: User, extension: Extension) -> None:
        """Open them."""
        self.cookie = await sign_in(user)
        opened = [await open_for(user, extension) for _ in range(3)]
        self.socket = Socket(opened[0].session, ticket=opened[0].ticket)
        await self.socket.open()
        await self.socket.hear_op("hello")
        self.events = Events(events_path(opened[1].session), cookie=self.cookie)
        self.compatible = Events(COMPATIBLE, cookie=self.cookie)
        for stream in (self.events, self.compatible):
            await stream.open()
        first = await Exchange(poll_path(opened[2].session), cookie=self.cookie).fetch()
        self._poll = Exchange(poll_path(opened[2].session, first["after"]), cookie=self.cookie)

    async def hear_ends(self) -> set[str]:
        """Return why they end, when all have; of the poll, which asks anew, what it is refused as."""
        await self.socket.hear_closing()
        end = await self.events.hear_named("end")
        await self.compatible.hear_until(lambda: False)
        polled = await self._poll.fetch()
        commented = json.loads(self.compatible.comments[-1].partition(" ")[2])
        ends = [self.socket.heard[-1], end, commented, polled.get("end", {"reason": polled.get("code")})]
        return {said["reason"] for said in ends}


async def test_membership__taken_away__ends_every_stream_with_revoked(
    teammate: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(sessions, "MOST_OF_USER", 4)
    streams = Everything()
    await streams.open(teammate, extension)

    await Membership.objects.filter(user=teammate).adelete()

    assert await streams.hear_ends() == {"revoked"}
    assert await DebugAudit.objects.filter(action="session.closed", detail__reason="revoked").acount() == 4


async def test_console__switched_off__ends_every_stream_with_policy_changed(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(sessions, "MOST_OF_USER", 4)
    streams = Everything()
    await streams.open(owner, extension)

    with override_settings(DEBUG_CONSOLE_ENABLED=False):
        reasons = await streams.hear_ends()
        again = await ask(COMPATIBLE, cookie=streams.cookie)

    assert reasons == {"policy_changed", "not_found"}
    assert again == 404
