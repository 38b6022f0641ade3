from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache, caches
from django.test import Client, override_settings
from django.urls import reverse

import config.cache
from observability.models import User
from tests.fixtures import PASSWORD


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(config.cache, "_down_until", 0.0)
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def valkey_down(tmp_path: Path) -> Iterator[None]:
    """Point the cache at a server that is not there."""
    changed = settings.CACHES["default"] | {"LOCATION": f"unix://{tmp_path}/none.sock"}
    with override_settings(CACHES={"default": changed}):
        yield
        cache.clear()


def _use_every_operation() -> list[object]:
    cache.set("text", "é", timeout=60)
    return [
        cache.add("number", 1),
        cache.add("number", 2),
        cache.incr("number", 4),
        cache.get("number"),
        cache.has_key("number"),
        cache.touch("number", 60),
        cache.get_many(["number", "text", "none"]),
        cache.delete("text"),
        cache.get("text", "gone"),
    ]


EXPECTED = [True, False, 5, 5, True, True, {"number": 5, "text": "é"}, True, "gone"]


def test_cache__valkey_there__does_every_operation_there() -> None:
    results = _use_every_operation()

    assert results == EXPECTED
    assert caches["default"]._valkey.get("number") == 5  # type: ignore[attr-defined]


@pytest.mark.usefixtures("valkey_down")
def test_cache__valkey_down__does_every_operation_in_memory() -> None:
    assert _use_every_operation() == EXPECTED


def test_cache__valkey_comes_back__is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.cache, "_down_until", float("inf"))
    cache.set("kept", "in memory")
    monkeypatch.setattr(config.cache, "_down_until", 0.0)

    assert cache.get("kept") is None


@pytest.mark.usefixtures("valkey_down")
def test_sign_in__valkey_down__works_and_still_limits_attempts(client: Client, owner: User) -> None:
    path = reverse("account_login")
    for _ in range(6):
        client.post(path, {"login": "owner@example.com", "password": "wrong"})
    refused = client.post(path, {"login": "owner@example.com", "password": PASSWORD})
    cache.clear()

    accepted = client.post(path, {"login": "owner@example.com", "password": PASSWORD})

    assert refused.status_code != 302
    assert accepted.status_code == 302
