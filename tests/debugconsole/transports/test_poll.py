"""A session polled: each answer goes on exactly where the last one ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from debugconsole.models import DebugSession, Extension
from debugconsole.readers.hub import get_hub
from debugconsole.services.sessions import end_session
from debugconsole.transports import limits, pace
from debugconsole.wire.envelope import EndReason
from observability.models import User
from tests.debugconsole.transports.conftest import PATIENCE_SECONDS, Exchange, open_for, sign_in, write

pytestmark = pytest.mark.usefixtures("clean")


class Poller:
    """A client that polls, and goes on from where it was told to."""

    def __init__(self, session: DebugSession, cookie: str) -> None:
        self.after = ""
        self.messages: list[str] = []
        self._session = session
        self._cookie = cookie

    def ask(self, **query: Any) -> Exchange:
        text = "&".join(f"{name}={value}" for name, value in ({"after": self.after, "wait": 0} | query).items())
        return Exchange(f"/api/debug/sessions/{self._session.pk}/poll?{text}", cookie=self._cookie)

    async def poll(self, **query: Any) -> Any:
        answer = await self.ask(**query).fetch()
        self.after = answer.get("after", self.after)
        self.messages += [event["message"] for event in answer.get("events", ())]
        return answer


async def begin(user: User, extension: Extension, **wish: Any) -> tuple[Poller, DebugSession]:
    session = (await open_for(user, extension, transport="poll", **wish)).session
    return Poller(session, await sign_in(user)), session


async def test_polls__one_after_another__account_for_every_line_once(owner: User, extension: Extension) -> None:
    poller, session = await begin(owner, extension)
    await write(session, *"abc")

    first = await poller.poll(wait=5)
    await write(session, "of another", tenant="somebody")
    await write(session, *"defg")
    second = await poller.poll(wait=5, limit=2)
    third = await poller.poll(wait=5)

    assert poller.messages == list("abcdefg")
    assert first["hello"]["resume"] == "new"
    assert "hello" not in second
    assert (first["n"], second["n"], third["n"]) == ([1, 3], [4, 6], [7, 8])
    assert [notice["cause"] for notice in second["notices"]] == ["foreign"]
    kept = await DebugSession.objects.aget(pk=session.pk)
    assert kept.resumes == 0


async def test_poll__waits_for_what_comes(owner: User, extension: Extension) -> None:
    poller, session = await begin(owner, extension)
    await poller.poll()

    waiting = asyncio.create_task(poller.poll(wait=PATIENCE_SECONDS))
    await write(session, "one")
    await waiting

    assert poller.messages == ["one"]


async def test_poll__whose_answer_was_lost__is_answered_again(owner: User, extension: Extension) -> None:
    poller, session = await begin(owner, extension)
    await write(session, "one")
    await poller.poll(wait=5)
    await write(session, "two")
    lost = await poller.ask(wait=5).fetch()

    again = await poller.poll(wait=5)

    assert lost["events"] == again["events"]
    assert poller.messages == ["one", "two"]


async def test_poll__left_while_it_waits__costs_nothing(owner: User, extension: Extension) -> None:
    poller, session = await begin(owner, extension)
    await poller.poll()
    left = poller.ask(wait=PATIENCE_SECONDS)
    await left.leave()
    await write(session, "one")

    await poller.poll(wait=5)

    assert poller.messages == ["one"]


async def test_polls__that_stop__give_the_session_back(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "POLL_KEPT_SECONDS", 0.05)
    poller, session = await begin(owner, extension)
    await poller.poll()

    async with asyncio.timeout(PATIENCE_SECONDS):
        while get_hub().feeds:
            await asyncio.sleep(0.01)
    await write(session, "one")
    answer = await poller.poll(wait=5)

    assert (answer["hello"]["resume"], poller.messages) == ("exact", ["one"])


async def test_poll__of_a_session_that_is_over__says_so(owner: User, extension: Extension) -> None:
    poller, session = await begin(owner, extension)
    await poller.poll()
    await sync_to_async(end_session)(session_id=session.pk, reason=EndReason.CLOSED)

    async with asyncio.timeout(PATIENCE_SECONDS):
        while "end" not in (answer := await poller.poll(wait=5)):
            pass
    later = await poller.poll()

    assert (answer["end"]["reason"], later["end"]["reason"]) == ("closed", "closed")


async def test_poll__asked_for_wrongly__is_refused_naming_the_parameter(owner: User, extension: Extension) -> None:
    poller, _ = await begin(owner, extension)
    wrong = (("limit", 0), ("limit", "x"), ("limit", "nan"), ("wait", 21), ("wait", -1), ("after", "$"), ("tenant", 1))
    for name, value in wrong:
        exchange = poller.ask(**{name: value})

        refused = await exchange.fetch()

        assert exchange.status == 400
        assert refused["detail"].startswith(f"{name}:")


async def test_poll__of_somebody_else__is_none(
    owner: User, teammate: User, stranger: User, extension: Extension
) -> None:
    _, session = await begin(owner, extension)
    pollers = [Poller(session, cookie) for cookie in ("", await sign_in(teammate), await sign_in(stranger))]

    answers = [await poller.ask().fetch() for poller in pollers]

    assert [answer["code"] for answer in answers] == ["not_authenticated", "not_found", "not_found"]


async def test_polls__too_many__are_told_to_wait(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "ASKS_PER_SECOND", 1)
    monkeypatch.setattr(pace, "_buckets", {})
    poller, _ = await begin(owner, extension)

    exchanges = [poller.ask() for _ in range(3)]
    for exchange in exchanges:
        await exchange.fetch()

    assert [exchange.status for exchange in exchanges] == [200, 429, 429]
    assert exchanges[1].headers["retry-after"] == "1"
