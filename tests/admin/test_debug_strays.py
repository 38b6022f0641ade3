"""Nobody's lines in admin: who sees them, what of them, and that it is written down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client, override_settings

from debugconsole.models import DebugAudit
from observability.models import User

ADDRESS = "/admin/debug-strays/"
TENANT = "11111111-2222-3333-4444-555555555555"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _streams() -> Iterator[None]:
    """One stream of nobody's, one of an extension without a tenant, and one of a tenant."""
    with override_settings(DEBUG_CONSOLE_ENABLED=True), redis.Redis.from_url(settings.DEBUG_REDIS_URL) as client:
        client.flushdb()
        base: dict[Any, Any] = {"ts": "0", "level": "error", "stream": "stderr"}
        client.xadd("ext-debug:unknown", base | {"message": "panic: token=sk-proj-abcdefghijklmnopqrstuvwx1"})
        client.xadd("ext-debug:unknown", base | {"message": "said by a tenant", "tenant": TENANT})
        client.xadd("ext-debug:orders", base | {"message": "<b>no tenant</b>", "extension": "orders"})
        client.xadd(f"ext-debug:{TENANT}:orders", base | {"message": "private", "tenant": TENANT})
        yield
        client.flushdb()


@pytest.fixture
def signed_in(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def test_strays__operator__sees_streams_of_nobody_and_none_of_a_tenant(signed_in: Client) -> None:
    page = signed_in.get(ADDRESS).content.decode()

    assert "ext-debug:unknown" in page and "ext-debug:orders" in page
    assert TENANT not in page
    assert not DebugAudit.objects.filter(action="strays.viewed").exists()


def test_strays__lines_of_one__are_redacted_counted_and_written_down(signed_in: Client, operator: User) -> None:
    page = signed_in.get(ADDRESS, {"key": "ext-debug:unknown"}).content.decode()

    assert "panic: token=" in page
    assert "sk-proj" not in page and "said by a tenant" not in page
    assert "1 not shown: foreign." in page
    row = DebugAudit.objects.get(action="strays.viewed")
    assert (row.actor_id, row.target, row.detail) == (operator.pk, "ext-debug:unknown", {"lines": 1})


def test_strays__markup_in_a_line__stays_text(signed_in: Client) -> None:
    page = signed_in.get(ADDRESS, {"key": "ext-debug:orders"}).content.decode()

    assert "&lt;b&gt;no tenant" in page and "<b>no tenant" not in page


@pytest.mark.parametrize("key", [f"ext-debug:{TENANT}:orders", "celery", "ext-debug", f"ext-debug:{TENANT}"])
def test_strays__any_other_key__is_no_page(signed_in: Client, key: str) -> None:
    assert signed_in.get(ADDRESS, {"key": key}).status_code == 404


def test_strays__who_is_no_superuser__sees_nothing(client: Client, owner: User, stranger: User) -> None:
    assert client.get(ADDRESS).status_code == 302
    for person in (owner, stranger):
        client.force_login(person)
        assert client.get(ADDRESS).status_code == 302

    User.objects.filter(pk=owner.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=owner.pk))
    assert client.get(ADDRESS).status_code == 403


def test_strays__server_away_or_console_off__says_so(signed_in: Client) -> None:
    with override_settings(DEBUG_REDIS_URL="unix:///nowhere/valkey.sock"):
        assert signed_in.get(ADDRESS).status_code == 503
    with override_settings(DEBUG_CONSOLE_ENABLED=False):
        assert signed_in.get(ADDRESS).status_code == 404
