"""Debug lines in the Log tab of a trace: whose they are, while they last, to whom, and what is written down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from debugconsole.models import DebugAudit, DebugSession, Extension
from debugconsole.services.extensions import create_extension
from debugconsole.wire.emit import Emission, build_xadd
from observability.models import Project, User
from tests.debugconsole.conftest import set_rule
from tests.records import make_event, write

pytestmark = pytest.mark.django_db(transaction=True)
TRACE = "chat::now"
PAGE = "/o/acme/p/support-desk/debug-lines/"


@pytest.fixture
def streams() -> Iterator[Any]:
    client: Any = redis.Redis.from_url(settings.DEBUG_REDIS_URL)
    client.flushdb()
    yield client
    client.close()


@pytest.fixture
def trace(store: None, project: Project, streams: Any) -> str:
    """A trace that ends now, with a correlation id."""
    now_us = time.time_ns() // 1000
    write(
        project.pk,
        make_event(TRACE, started_at_us=now_us - 2_000_000, ended_at_us=now_us, correlation_id="chain-1"),
        make_event("chat::old", at=-86_000),
    )
    return TRACE


def say(streams: Any, extension: Extension, message: str, **ids: str) -> None:
    line = Emission(
        ts=str(time.time_ns() // 1_000_000),
        level="info",
        stream="log",
        message=message.encode(),
        tenant=str(extension.organization.tenant_id),
        extension=extension.extension_id,
        request=ids.get("request"),
        more=(("trace", ids["trace"]),) if "trace" in ids else (),
    )
    streams.execute_command(*build_xadd(line, prefix=settings.DEBUG_STREAM_PREFIX))


def get(user: User | None, trace_id: str = TRACE) -> Any:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client.get(f"{PAGE}{trace_id}/")


def test_lines__of_the_trace_its_requests_and_its_chain__are_given_redacted_and_written_down(
    trace: str, streams: Any, extension: Extension, owner: User
) -> None:
    say(streams, extension, "by its request", request="R-1")
    say(streams, extension, "password=hunter22", trace=trace, request="R-1")
    say(streams, extension, "by its chain", request="chain-1")
    say(streams, extension, "of another trace", trace="chat::other", request="R-2")

    answer = get(owner).json()

    messages = [item["event"]["message"] for item in answer["items"]]
    assert [messages[0], messages[2]] == ["by its request", "by its chain"]
    assert "hunter22" not in messages[1]
    assert answer["items"][0]["console"].endswith(f"/debug/{extension.pk}/")
    session = DebugSession.objects.get()
    assert (session.end_reason, session.delivered, session.reason) == ("closed", 3, f"Log of trace {trace}")
    done = DebugAudit.objects.filter(session_id=session.pk).order_by("seq")
    assert list(done.values_list("action", flat=True)) == ["session.opened", "session.closed"]


def test_lines__met_by_everybody__are_for_those_who_may_watch(
    trace: str,
    streams: Any,
    extension: Extension,
    owner: User,
    teammate: User,
    viewer: User,
    stranger: User,
) -> None:
    say(streams, extension, "hello", trace=trace)

    assert [len(get(user).json()["items"]) for user in (owner, teammate, viewer)] == [1, 1, 0]
    assert [get(user).status_code for user in (stranger, None)] == [404, 302]
    assert get(owner, "chat::nothing").status_code == 404
    with override_settings(DEBUG_CONSOLE_ENABLED=False):
        assert get(owner).status_code == 404

    set_rule("deny", scope="extension", extension=extension)
    assert get(owner).json() == {"items": [], "is_cut": False, "problems": []}


def test_lines__that_nobody_printed__cost_no_session(
    trace: str, streams: Any, extension: Extension, owner: User
) -> None:
    say(streams, extension, "of another trace", trace="chat::other")

    assert get(owner).json()["items"] == []
    assert not DebugSession.objects.exists()


def test_lines__of_a_trace_older_than_they_are_kept__are_not_looked_for(
    trace: str, extension: Extension, owner: User
) -> None:
    with override_settings(DEBUG_REDIS_URL="redis://127.0.0.1:1/0"):
        away, old = get(owner).json(), get(owner, "chat::old").json()

    assert away["problems"] == ["The server of the streams does not answer."]
    assert old == {"items": [], "is_cut": False, "problems": []}


def test_lines__of_more_extensions__take_as_many_queries_to_find_none(
    trace: str, project: Project, extension: Extension, owner: User
) -> None:
    client = Client()
    client.force_login(owner)
    client.get(f"{PAGE}{trace}/")
    with CaptureQueriesContext(connection) as few:
        client.get(f"{PAGE}{trace}/")
    for number in range(5):
        create_extension(project=project, extension_id=f"more-{number}")

    with CaptureQueriesContext(connection) as many:
        client.get(f"{PAGE}{trace}/")

    assert len(many) == len(few)


def test_page__of_a_trace__names_where_its_lines_are_while_the_console_is_on(trace: str, owner: User) -> None:
    client = Client()
    client.force_login(owner)
    address = f"/o/acme/p/support-desk/traces/{trace}/"

    on = client.get(address).content.decode()
    with override_settings(DEBUG_CONSOLE_ENABLED=False):
        off = client.get(address).content.decode()

    assert f'data-log-source-url="{PAGE}' in on
    assert 'data-log-source-url=""' in off
