"""A session's WebSocket through the real ASGI application, on the real Valkey."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import override_settings
from django.utils import timezone

from debugconsole import viewing
from debugconsole.models import DebugAudit, DebugSession, Extension
from debugconsole.readers.hub import get_hub
from debugconsole.services.sessions import end_session, renew_ticket
from debugconsole.transports import limits
from debugconsole.transports.sockets import watch_socket
from debugconsole.wire.envelope import EndReason
from observability.models import Membership, User
from tests.debugconsole.transports.conftest import Socket, open_for, sign_in, write

pytestmark = pytest.mark.usefixtures("clean")


async def connect(user: User, extension: Extension, **wish: Any) -> tuple[Socket, DebugSession]:
    opened = await open_for(user, extension, **wish)
    socket = Socket(opened.session, ticket=opened.ticket)
    assert await socket.open()
    await socket.hear_op("hello")
    return socket, opened.session


async def connect_again(session: DebugSession, after: str) -> Socket:
    ticket = await sync_to_async(renew_ticket)(session=await DebugSession.objects.aget(pk=session.pk))
    socket = Socket(session, ticket=ticket, after=after)
    assert await socket.open()
    return socket


async def test_socket__says_hello__then_what_was_there_and_what_comes(owner: User, extension: Extension) -> None:
    opened = await open_for(owner, extension, tail=2)
    await write(opened.session, "too early", "one", "two")
    socket = Socket(opened.session, ticket=opened.ticket, cookie=await sign_in(owner))
    assert await socket.open()

    hello = await socket.hear()
    await write(opened.session, "three")
    await socket.hear_until(lambda: len(socket.events) == 3)

    assert hello is not None
    assert (hello["op"], hello["resume"], hello["state"], hello["lost"]) == ("hello", "new", "live", 0)
    assert hello["limits"]["unacked"] == 2_000
    assert socket.messages == ["one", "two", "three"]
    await socket.leave()
    assert get_hub().feeds == {}


async def test_socket__connected_again_with_its_token__goes_on_where_it_was(owner: User, extension: Extension) -> None:
    socket, session = await connect(owner, extension)
    await write(session, "one", "two")
    await socket.hear_until(lambda: len(socket.events) == 2)
    await socket.leave()
    await write(session, "three")

    again = await connect_again(session, socket.after)
    hello = await again.hear_op("hello")
    await again.hear_until(lambda: len(again.events) == 1)

    assert (hello["resume"], again.messages) == ("exact", ["three"])
    await again.leave()


async def test_ticket__used_before_or_another_sessions__closes_with_4401(owner: User, extension: Extension) -> None:
    opened, other = await open_for(owner, extension), await open_for(owner, extension)
    first = Socket(opened.session, ticket=opened.ticket)
    await first.open()
    await first.hear_op("hello")

    sockets = [
        Socket(opened.session, ticket=ticket, cookie=await sign_in(owner))
        for ticket in (opened.ticket, other.ticket, "", "\x00")
    ]
    codes = [await socket.hear_closing() for socket in sockets if await socket.open()]

    assert codes == [4401] * 4
    await first.leave()


async def test_ticket__in_the_hands_of_a_teammate_or_a_stranger__closes_with_4404(
    owner: User, teammate: User, stranger: User, extension: Extension
) -> None:
    codes = []
    for person in (teammate, stranger):
        opened = await open_for(owner, extension)
        socket = Socket(opened.session, ticket=opened.ticket, cookie=await sign_in(person))
        await socket.open()
        codes.append(await socket.hear_closing())

    assert codes == [4404, 4404]


async def test_socket__from_a_foreign_page__is_refused(owner: User, extension: Extension) -> None:
    opened = await open_for(owner, extension)

    foreign = Socket(opened.session, ticket=opened.ticket, origin="https://evil.example")

    assert not await foreign.open()


async def test_socket__of_a_session_that_is_over__closes_with_its_reason(owner: User, extension: Extension) -> None:
    opened = await open_for(owner, extension)
    await DebugSession.objects.filter(pk=opened.session.pk).aupdate(expires_at=timezone.now())

    socket = Socket(opened.session, ticket=opened.ticket)
    await socket.open()

    assert await socket.hear_closing() == 4410


async def test_socket__while_the_console_is_off__closes_with_4404(owner: User, extension: Extension) -> None:
    opened = await open_for(owner, extension)
    socket = Socket(opened.session, ticket=opened.ticket)

    with override_settings(DEBUG_CONSOLE_ENABLED=False):
        await socket.open()
        code = await socket.hear_closing()

    assert code == 4404


async def test_token__that_is_none_or_anothers__is_named_and_closes_so(owner: User, extension: Extension) -> None:
    other, _ = await connect(owner, extension)
    session = (await open_for(owner, extension)).session
    for after in ("$", "0-0", "1-1~1~0000000000000000000000", "x" * 5_000, other.after):
        socket = await connect_again(session, after)

        said = await socket.hear_op("error")

        assert said["field"] == "after"
        assert await socket.hear_closing() == 4400
    await other.leave()


async def test_second_socket__of_a_session__replaces_the_first(owner: User, extension: Extension) -> None:
    socket, session = await connect(owner, extension)

    again = await connect_again(session, socket.after)
    await again.hear_op("hello")
    code = await socket.hear_closing()
    await write(session, "one")
    await again.hear_until(lambda: bool(again.events))

    assert (socket.heard[-1], code) == ({"op": "end", "reason": "replaced"}, 4409)
    assert again.messages == ["one"]
    await again.leave()


async def test_filter__changed__holds_from_the_answer_on(owner: User, extension: Extension) -> None:
    socket, session = await connect(owner, extension)
    await write(session, "a 1", "b 1", "a 2")
    await socket.hear_until(lambda: len(socket.events) == 3)

    await socket.say("filter", expr="message:b", rev=7)
    answer = await socket.hear_op("filter_ok")
    await write(session, "a 3", "b 2")
    await socket.hear_until(lambda: len(socket.events) == 4)

    assert (answer["rev"], answer["from"], answer["expr"]) == (7, 4, "message:b")
    assert socket.messages[-1] == "b 2"
    kept = await DebugSession.objects.aget(pk=session.pk)
    assert kept.filter == "message:b"
    await socket.leave()


async def test_filter__that_means_nothing__is_refused_with_its_place_and_the_old_one_stays(
    owner: User, extension: Extension
) -> None:
    socket, session = await connect(owner, extension, filter="message:b")

    await socket.say("filter", expr="level:loud", rev=1)
    answer = await socket.hear_op("filter_error")
    await write(session, "a", "b")
    await socket.hear_until(lambda: bool(socket.events))

    assert (answer["rev"], answer["position"]) == (1, 6)
    assert socket.messages == ["b"]
    await socket.leave()


async def test_credits__used_up__nothing_more_comes_until_lines_are_acknowledged(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_UNACKED", 3)
    monkeypatch.setattr(limits, "BUSY_HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.1)
    socket, session = await connect(owner, extension)
    await write(session, *"abcde")

    await socket.hear_until(lambda: len(socket.events) == 3, acks=False)
    beats = [await socket.hear_op("hb", acks=False), await socket.hear_op("hb", acks=False)]
    await socket.say("ack", n=2)
    await socket.hear_until(lambda: len(socket.events) == 5, acks=False)

    assert [(beat["sent"], beat["queued"]) for beat in beats][-1] == (3, 2)
    assert socket.messages == list("abcde")
    await socket.leave()


async def test_pause__keeps_lines_for_later__and_is_written_down(owner: User, extension: Extension) -> None:
    socket, session = await connect(owner, extension)

    await socket.say("pause")
    await socket.hear_op("done")
    await write(session, "one")
    await socket.say("ping")
    await socket.hear_op("pong")
    before = socket.messages
    await socket.say("resume")
    await socket.hear_until(lambda: bool(socket.events))

    assert (before, socket.messages) == ([], ["one"])
    assert await DebugAudit.objects.filter(action="session.paused", session_id=session.pk).acount() == 1
    await socket.leave()


async def test_sample__none_but_warnings__are_shown_and_the_rest_counted(owner: User, extension: Extension) -> None:
    socket, session = await connect(owner, extension)

    await socket.say("sample", rate=0.000001)
    await socket.hear_op("done")
    await write(session, *"abc")
    await write(session, "bad", level="warn")
    await socket.hear_until(lambda: bool(socket.events) and socket.untold == 3)

    assert socket.messages == ["bad"]
    assert {notice["cause"] for notice in socket.notices} == {"sampled"}
    await socket.leave()


async def test_extend__moves_the_end__as_far_as_it_goes(owner: User, extension: Extension) -> None:
    socket, session = await connect(owner, extension)

    await socket.say("extend")
    extended = await socket.hear_op("extended")
    await DebugSession.objects.filter(pk=session.pk).aupdate(hard_expires_at=timezone.now())
    await socket.say("extend")
    refused = await socket.hear_op("refused")

    assert extended["expires_at"] > session.expires_at.isoformat()
    assert (refused["for"], "as long as it may" in refused["detail"]) == ("extend", True)
    await socket.leave()


async def test_close__ends_the_session_for_good(owner: User, extension: Extension) -> None:
    socket, session = await connect(owner, extension)

    await socket.say("close")
    code = await socket.hear_closing()

    assert (socket.heard[-1]["reason"], code) == ("closed", 1000)
    assert (await DebugSession.objects.aget(pk=session.pk)).end_reason == "closed"


async def test_message__that_is_no_command__is_answered_naming_the_field(owner: User, extension: Extension) -> None:
    socket, _ = await connect(owner, extension)
    for text, field in (
        ("{", ""),
        ("[]", ""),
        ('{"op":"shout"}', "op"),
        ('{"op":"ack"}', "n"),
        ('{"op":"ack","n":-1}', "n"),
        ('{"op":"ack","n":1}', "n"),
        ('{"op":"sample","rate":2}', "rate"),
        ('{"op":"filter","expr":1}', "expr"),
        ('{"op":"filter","expr":"' + "x" * 9_000 + '"}', ""),
        ("[" * 9_000, ""),
    ):
        await socket.socket.send_to(text_data=text)

        said = await socket.hear_op("error")

        assert (said["field"], bool(said["detail"])) == (field, True)
    await socket.say("ping")
    await socket.hear_op("pong")
    await socket.leave()


async def test_nonsense__again_and_again__closes_with_4400(owner: User, extension: Extension) -> None:
    socket, _ = await connect(owner, extension)

    for _ in range(11):
        await socket.socket.send_to(text_data="nonsense")

    assert await socket.hear_closing() == 4400


async def test_session__nearly_over__says_so_and_then_ends(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await open_for(owner, extension)
    await DebugSession.objects.filter(pk=opened.session.pk).aupdate(expires_at=timezone.now() + timedelta(seconds=2))
    socket = Socket(opened.session, ticket=opened.ticket)
    await socket.open()

    code = await socket.hear_closing()

    assert [notice["code"] for notice in socket.notices] == ["expiring"]
    assert (socket.heard[-1]["reason"], code) == ("expired", 4410)
    assert (await DebugSession.objects.aget(pk=opened.session.pk)).end_reason == "expired"


async def test_membership__taken_away__ends_with_revoked(
    teammate: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "CHECK_SECONDS", 0.05)
    socket, _ = await connect(teammate, extension)
    await Membership.objects.filter(user=teammate).adelete()

    code = await socket.hear_closing()

    assert (socket.heard[-1]["reason"], code) == ("revoked", 4403)


async def test_session__ended_elsewhere__ends_here(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "CHECK_SECONDS", 0.05)
    socket, session = await connect(owner, extension)
    await sync_to_async(end_session)(session_id=session.pk, reason=EndReason.CLOSED)

    code = await socket.hear_closing()

    assert (socket.heard[-1]["reason"], code) == ("closed", 1000)


async def test_client__that_deals_with_nothing__is_paused_and_goes_on_when_it_does(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IDLE_PAUSE_SECONDS", 0.05)
    socket, session = await connect(owner, extension)
    await write(session, "one")
    await socket.hear_op("batch", acks=False)

    paused = await socket.hear_op("notice", acks=False)
    await write(session, "two")
    await socket.say("ack", n=1)
    resumed = await socket.hear_op("notice")
    await socket.hear_until(lambda: len(socket.events) == 2)

    assert (paused["code"], resumed["code"], paused["detail"]) == ("paused", "resumed", "idle")
    await socket.leave()


async def test_tab__hidden_for_long__ends_the_session(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IDLE_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(limits, "IDLE_END_SECONDS", 0.1)
    socket, session = await connect(owner, extension)

    await socket.say("visibility", hidden=True)
    code = await socket.hear_closing()

    assert (socket.heard[-1]["reason"], code) == ("idle", 4410)
    assert (await DebugSession.objects.aget(pk=session.pk)).end_reason == "idle"


async def test_client__that_does_not_read__is_closed_and_may_come_back(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The far end is played: only it can make `send` wait as a full connection does."""
    monkeypatch.setattr(limits, "STALL_SECONDS", 0.05)
    opened = await open_for(owner, extension)
    sent: list[dict[str, object]] = []
    scope = {
        "type": "websocket",
        "query_string": f"ticket={opened.ticket}".encode(),
        "url_route": {"kwargs": {"session_id": opened.session.pk}},
        "user": None,
    }
    heard = asyncio.Queue[dict[str, object]]()
    heard.put_nowait({"type": "websocket.connect"})

    async def send(message: dict[str, object]) -> None:
        if b'"batch"' in str(message.get("text", "")).encode():
            await asyncio.Event().wait()
        sent.append(message)

    task = asyncio.create_task(watch_socket(scope, heard.get, send))
    await write(opened.session, "one")
    await task

    assert sent[-1]["code"] == 4408
    assert (await DebugSession.objects.aget(pk=opened.session.pk)).ended_at is None
    assert get_hub().feeds == {}
