"""How often keys may connect, register and ping: clear refusals, and nobody else pays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from observability.services.keys import NewKey
from reruns.sockets import limits, server
from reruns.sockets.limits import RateLimit
from tests.reruns.conftest import Sdk


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_limit__all_taken__says_when_there_is_one_again() -> None:
    clock = _Clock()
    limit = RateLimit(6, clock=clock)

    taken = [limit.take("a") for _ in range(7)]
    clock.now += 9.9
    early = limit.take("a")
    clock.now += 0.1

    assert (taken, early, limit.take("a"), limit.take("a")) == ([0] * 6 + [10], 1, 0, 10)


def test_limit__another_name__has_its_own() -> None:
    limit = RateLimit(1, clock=_Clock())

    assert [limit.take(name) for name in ("a", "a", "b")] == [0, 60, 0]


def test_limit__many_names__remembers_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_NAMES", 2)
    limit = RateLimit(1, clock=_Clock())

    for name in ("a", "b", "c"):
        limit.take(name)

    assert [limit.take(name) for name in ("c", "b", "a")] == [60, 60, 0]


@pytest.fixture
def few() -> Iterator[None]:
    with override_settings(RERUN_CONNECTS_PER_MINUTE=1, RERUN_REGISTERS_PER_MINUTE=2):
        yield


async def test_connect__more_often_than_a_key_may__is_refused_and_others_are_not(
    few: None, url: str, rerun_key: NewKey, foreign_key: NewKey
) -> None:
    first, again = Sdk(url, key=rerun_key.text), Sdk(url, key=rerun_key.text)
    other = Sdk(url, key=foreign_key.text, session_id="theirs")

    taken, refusal, foreign = await first.connect(), await again.connect(), await other.connect()

    assert (taken, foreign) == (None, None)
    assert (refusal["message"], refusal["data"]["code"]) == ("rate_limited", "rate_limited")
    assert 0 < refusal["data"]["retryAfter"] <= 60
    await first.close()
    await other.close()


async def test_register__more_often_than_a_key_may__is_declined_and_the_socket_stays(
    few: None, url: str, rerun_key: NewKey
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()

    answers = [await sdk.say("register", {"tools": ["a"]}) for _ in range(2)]

    assert answers[0]["ok"]
    assert answers[1]["error"]["code"] == "rate_limited"
    assert (await sdk.say("ping", {}))["ok"]
    await sdk.close()


async def test_ping__more_often_than_a_socket_may__is_declined(
    url: str, rerun_key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_PINGS_PER_MINUTE", 1)
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()

    answers = [await sdk.say("ping", {}) for _ in range(2)]

    assert [answer["ok"] for answer in answers] == [True, False]
    await sdk.close()


@override_settings(RERUN_CONNECTS_PER_MINUTE=0)
def test_check__rate_that_lets_nobody_in__is_an_error() -> None:
    assert "playhead.E022" in {found.id for found in run_checks()}
