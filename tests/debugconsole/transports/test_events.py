"""A session's server-sent events through the real ASGI application, on the real Valkey."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from debugconsole import viewing
from debugconsole.models import DebugSession, Extension
from debugconsole.readers.hub import get_hub
from debugconsole.services.sessions import change_session, end_session
from debugconsole.transports import limits
from debugconsole.wire.envelope import EndReason
from observability.models import Membership, Project, Scope, User
from observability.services.keys import create_key
from tests.debugconsole.transports.conftest import Events, Exchange, open_for, sign_in, write

pytestmark = pytest.mark.usefixtures("clean")


def path_of(session: DebugSession, query: str = "") -> str:
    return f"/api/debug/sessions/{session.pk}/events{query}"


async def connect(user: User, extension: Extension, **wish: Any) -> tuple[Events, DebugSession, str]:
    session = (await open_for(user, extension, transport="sse", **wish)).session
    cookie = await sign_in(user)
    events = Events(path_of(session), cookie=cookie)
    assert await events.open() == 200
    return events, session, cookie


async def test_events__of_a_session__are_framed_as_browsers_read_them(owner: User, extension: Extension) -> None:
    session = (await open_for(owner, extension, transport="sse")).session
    await write(session, "one\ntwo")
    events = Events(path_of(session), cookie=await sign_in(owner))
    await events.open()

    first = await events.read()
    hello = await events.hear_named("hello")
    await events.hear_until(lambda: bool(events.messages))

    assert first == b"retry: 2000\n\n"
    assert events.headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
    }
    assert (hello["session"], hello["resume"]) == (str(session.pk), "new")
    assert events.messages == ["one\ntwo"]
    assert events.after.startswith(events.heard[-1][1]["id"])
    await events.leave()
    assert get_hub().feeds == {}


async def test_events__opened_again_with_the_last_id__go_on_behind_it(owner: User, extension: Extension) -> None:
    events, session, cookie = await connect(owner, extension)
    await write(session, "one", "two")
    await events.hear_until(lambda: len(events.messages) == 2)
    await events.leave()
    await write(session, "three")

    for again in (
        Events(path_of(session, f"?after={events.after}"), cookie=cookie),
        Events(path_of(session), cookie=cookie, last_event_id=events.after),
    ):
        await again.open()
        hello = await again.hear_named("hello")
        await again.hear_until(lambda again=again: bool(again.messages))  # type: ignore[misc]

        assert (hello["resume"], again.messages) == ("exact", ["three"])
        await again.leave()


async def test_gap__between_lines__stands_where_it_is_and_carries_an_id(owner: User, extension: Extension) -> None:
    events, session, _ = await connect(owner, extension)
    await write(session, "one")
    await write(session, "of another", tenant="somebody")
    await write(session, "two")

    await events.hear_until(lambda: len(events.messages) == 2)

    kinds = [name or data["message"] for name, data in events.heard if name not in ("hello", "hb")]
    assert kinds == ["one", "notice", "two"]
    (notice,) = events.notices
    assert (notice["cause"], notice["count"], notice["from"], notice["to"]) == ("foreign", 1, 2, 2)
    await events.leave()


async def test_events__of_a_session_that_is_over__are_no_content(owner: User, extension: Extension) -> None:
    session = (await open_for(owner, extension)).session
    await sync_to_async(end_session)(session_id=session.pk, reason=EndReason.CLOSED)

    events = Exchange(path_of(session), cookie=await sign_in(owner))

    assert await events.fetch() is None
    assert events.status == 204


async def test_streams__while_the_store_is_away__say_come_back(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = (await open_for(owner, extension, transport="sse")).session
    cookie = await sign_in(owner)

    async def fail(scope: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("channels.auth.get_user", fail)

    for path in (f"/api/debug/sessions/{session.pk}/events", f"/api/debug/sessions/{session.pk}/poll"):
        exchange = Exchange(path, cookie=cookie)
        assert await exchange.open() == 503
        assert exchange.headers["retry-after"] == "2"


async def test_events__of_nobody_or_somebody_else__are_none(
    owner: User, teammate: User, stranger: User, extension: Extension
) -> None:
    session = (await open_for(owner, extension)).session
    cookies = ["", await sign_in(teammate), await sign_in(stranger)]

    exchanges = [Exchange(path_of(session), cookie=cookie) for cookie in cookies]
    answers = [(await exchange.fetch())["code"] for exchange in exchanges]

    assert answers == ["not_authenticated", "not_found", "not_found"]
    assert [exchange.status for exchange in exchanges] == [401, 404, 404]


async def test_events__with_a_ticket__open_once_without_a_cookie(owner: User, extension: Extension) -> None:
    opened = await open_for(owner, extension)
    path = path_of(opened.session, f"?ticket={opened.ticket}")

    first, second = Events(path), Exchange(path)

    assert await first.open() == 200
    assert (await second.fetch())["code"] == "ticket"
    await first.leave()


async def test_events__with_the_key_that_opened_the_session__come(
    owner: User, project: Project, extension: Extension
) -> None:
    scopes: list[str] = [Scope.READ, Scope.DEBUG]
    key = await sync_to_async(create_key)(project=project, name="CI", scopes=scopes, created_by=owner)
    session = (await open_for(owner, extension, key=key.key)).session
    less = await sync_to_async(create_key)(project=project, name="Less", scopes=[Scope.READ], created_by=owner)

    events = Events(path_of(session), api_key=key.text, origin="https://anything.example")
    refused = Exchange(path_of(session), api_key=less.text)

    assert await events.open() == 200
    await refused.fetch()
    assert refused.status == 403
    await events.leave()


async def test_events__asked_for_by_a_page_of_another_site__are_denied(owner: User, extension: Extension) -> None:
    session = (await open_for(owner, extension)).session

    exchange = Exchange(path_of(session), cookie=await sign_in(owner), origin="https://evil.example")
    await exchange.fetch()

    assert exchange.status == 403


async def test_events__asked_for_wrongly__are_refused_naming_the_parameter(owner: User, extension: Extension) -> None:
    session = (await open_for(owner, extension)).session
    cookie = await sign_in(owner)
    for query, field in (("after=$", "after"), ("tenantId=1", "tenantId"), (f"after=1-1~1~{'0' * 22}", "after")):
        exchange = Exchange(path_of(session, f"?{query}"), cookie=cookie)

        refused = await exchange.fetch()

        assert (exchange.status, refused["code"], refused["detail"].partition(":")[0]) == (400, "invalid", field)


async def test_strict__with_lines_lost_since__is_gone(owner: User, extension: Extension) -> None:
    events, session, cookie = await connect(owner, extension)
    await write(session, "one")
    await events.hear_until(lambda: bool(events.messages))
    await events.leave()
    await write(session, *"abcdef", maxlen=1)
    await write(session, *["x"] * 200, maxlen=1)

    strict = Exchange(path_of(session, f"?strict=1&after={events.after}"), cookie=cookie)
    refused = await strict.fetch()

    assert (strict.status, refused["code"]) == (410, "cursor_expired")


async def test_membership__taken_away__ends_the_stream_with_why(
    teammate: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "CHECK_SECONDS", 0.05)
    events, _, _ = await connect(teammate, extension)
    await Membership.objects.filter(user=teammate).adelete()

    end = await events.hear_named("end")

    assert (end["reason"], events.is_over) == ("revoked", True)


async def test_session__steered_elsewhere__is_followed_at_once(owner: User, extension: Extension) -> None:
    events, session, _ = await connect(owner, extension)
    await events.hear_named("hello")

    await sync_to_async(change_session)(session=session, filter="message:b", sample=0.5)
    viewing.look_again()
    await events.hear_until(lambda: len(events.notices) == 2)
    await write(session, "a", "b", level="warn")
    await events.hear_until(lambda: bool(events.messages))

    assert [(told["code"], told.get("detail")) for told in events.notices] == [
        ("filter_changed", "message:b"),
        ("sample_changed", None),
    ]
    assert events.messages == ["b"]
    await events.leave()


async def test_server__that_takes_all_it_is_given__is_given_little_and_then_an_end(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNBOUNDED_BYTES", 10_000)
    session = (await open_for(owner, extension)).session
    await write(session, *[f"{number} {'x' * 1_000}" for number in range(50)])
    cookie = await sign_in(owner)

    seen: list[str] = []
    after, ends = "", list[str]()
    while len(seen) < 50:
        events = Events(path_of(session, f"?after={after}"), cookie=cookie, server="daphne")
        await events.open()
        await events.hear_until(lambda: len(events.messages) + len(seen) == 50)  # noqa: B023 - called at once
        seen, after = seen + events.messages, events.after
        ends += [data["reason"] for name, data in events.heard if name == "end"]
        await events.leave()

    assert [message.partition(" ")[0] for message in seen] == [str(number) for number in range(50)]
    assert set(ends) == {"budget"}


async def test_server__that_stops__sends_viewers_elsewhere(owner: User, extension: Extension) -> None:
    events, _, _ = await connect(owner, extension)
    await events.hear_named("hello")

    await viewing.drain(5)
    end = await events.hear_named("end")

    assert (end["reason"], end["retry_ms"]) == ("server_drain", 1_000)
    assert get_hub().feeds == {}
