"""Every page of the console, met by everybody; what cannot be asked for; how many queries a page takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from debugconsole.models import DebugGrant, Extension
from debugconsole.services.extensions import create_extension
from debugconsole.services.grants import approve_grant, request_grant
from debugconsole.services.sessions import Viewer, Wish, open_session
from debugconsole.wire.emit import Emission, build_xadd
from observability.models import Project, Scope, User
from observability.services.keys import create_key
from tests.debugconsole.conftest import set_rule


@pytest.fixture(autouse=True)
def streams(db: None) -> Iterator[Any]:
    client: Any = redis.Redis.from_url(settings.DEBUG_REDIS_URL)
    client.flushdb()
    yield client
    client.close()


@pytest.fixture
def base(project: Project) -> str:
    return f"/o/{project.organization.slug}/p/{project.slug}/debug/"


@pytest.fixture
def pages(base: str, extension: Extension) -> list[str]:
    console = f"{base}{extension.pk}/"
    return [base, console, f"{console}?install=I-1&request=R-1&filter=level:warn", f"{console}why/?install=I-1"]


def visit(user: User | None, pages: list[str]) -> set[int]:
    client = Client()
    if user is not None:
        client.force_login(user)
    return {client.get(page).status_code for page in pages}


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def add(streams: Any, *, tenant: object = None, extension: str | None = None) -> None:
    line = Emission(
        ts="0",
        level="info",
        stream="log",
        message=b"hello",
        extension=extension,
        tenant=str(tenant) if tenant else None,
    )
    streams.execute_command(*build_xadd(line, prefix=settings.DEBUG_STREAM_PREFIX))


def test_pages__met_by_everybody__are_shown_to_members_alone(
    pages: list[str], owner: User, teammate: User, viewer: User, stranger: User, operator: User
) -> None:
    assert [visit(user, pages) for user in (owner, teammate, viewer)] == [{200}] * 3
    assert [visit(user, pages) for user in (stranger, operator)] == [{404}] * 2
    assert visit(None, pages) == {302}


def test_pages__while_the_console_is_off__are_not_there_and_nothing_leads_to_them(
    pages: list[str], owner: User, base: str
) -> None:
    traces = base.replace("debug/", "traces/")
    assert f'href="{base}"' in sign_in(owner).get(traces).content.decode()

    with override_settings(DEBUG_CONSOLE_ENABLED=False):
        assert visit(owner, pages) == visit(None, pages) == {404}
        shown = sign_in(owner).get(traces).content.decode()

    assert base not in shown
    assert "Debug" not in shown


def test_console__of_another_project_under_this_ones_address__is_not_found(
    owner: User, base: str, foreign_extension: Extension, foreign_project: Project, stranger: User
) -> None:
    assert visit(owner, [f"{base}{foreign_extension.pk}/", f"{base}999999/"]) == {404}
    assert visit(stranger, [f"{base}{foreign_extension.pk}/"]) == {404}


def test_console__with_leave_given_to_an_operator__is_shown_without_the_projects_other_pages(
    pages: list[str], base: str, extension: Extension, operator: User, owner: User
) -> None:
    grant = request_grant(extension=extension, requested_by=operator, reason="a ticket")
    approve_grant(grant=grant, approved_by=owner)

    client = sign_in(operator)

    assert [client.get(page).status_code for page in pages] == [404, 200, 200, 200]
    assert 'data-jump-url=""' in client.get(pages[1]).content.decode()


def test_list__shows_last_line_viewers_capabilities_and_decision(
    streams: Any, base: str, extension: Extension, owner: User, viewer: User, project: Project
) -> None:
    create_extension(project=project, extension_id="quiet", capabilities=["cap:debug.logs"])
    add(streams, tenant=extension.organization.tenant_id, extension="EXT-1")
    open_session(viewer=Viewer(user=owner, transport="ws"), extension=extension, wish=Wish())

    response = sign_in(viewer).get(base)

    busy, quiet = sorted(response.context["rows"], key=lambda row: row.extension.pk)
    assert (busy.glance.length, busy.viewers, busy.decision.code) == (1, 1, "role_denied")
    assert (quiet.glance.length, quiet.glance.last_at, quiet.viewers) == (0, None, 0)
    shown = response.content.decode()
    assert "never" in shown
    assert "cap:debug.logs" in shown
    assert "you may not" in shown


def test_list__while_the_streams_server_is_away__is_shown_and_says_so(
    base: str, extension: Extension, owner: User
) -> None:
    with override_settings(DEBUG_REDIS_URL="redis://127.0.0.1:1/0"):
        response = sign_in(owner).get(base)

    assert response.status_code == 200
    assert "does not answer" in response.content.decode()


def test_list__of_one_or_many__takes_as_many_queries(base: str, extension: Extension, owner: User) -> None:
    client = sign_in(owner)
    client.get(base)
    with CaptureQueriesContext(connection) as few:
        client.get(base)
    for number in range(5):
        create_extension(project=extension.project, extension_id=f"more-{number}")

    with CaptureQueriesContext(connection) as many:
        client.get(base)

    assert len(many) == len(few)


def test_list__empty__says_how_to_register_and_to_send(base: str, owner: User, viewer: User, project: Project) -> None:
    key = create_key(project=project, name="Runner", scopes=[Scope.DEBUG])

    shown = sign_in(owner).get(base).content.decode()

    assert f"{key.key.public_id}.SECRET" in shown
    for part in ("RUNNER_DEBUG_REDIS_URL", "ACL SETUSER runner", "from playhead_debug import", "/api/debug/ingest"):
        assert part in shown
    assert 'name="extension_id"' in shown
    assert 'name="extension_id"' not in sign_in(viewer).get(base).content.decode()


def test_register__by_an_admin__leads_to_its_console_and_what_is_wrong_is_said_at_its_field(
    base: str, owner: User, teammate: User, stranger: User
) -> None:
    sent = {"extension_id": "orders", "name": "Orders", "may_be_watched": "on"}

    made = sign_in(owner).post(f"{base}register/", sent)
    again = sign_in(owner).post(f"{base}register/", sent)

    extension = Extension.objects.get()
    assert (made.status_code, made["Location"]) == (302, f"{base}{extension.pk}/")
    assert extension.capabilities[-1] == "cap:debug.logs"
    assert again.status_code == 422
    assert "registered in this organization already" in str(again.context["form"].errors["extension_id"])
    assert [sign_in(user).post(f"{base}register/", sent).status_code for user in (teammate, stranger)] == [403, 404]


def test_console__refused__says_which_rule_and_takes_a_request_for_leave(
    base: str, extension: Extension, owner: User, teammate: User, stranger: User
) -> None:
    rule = set_rule("approval", scope="extension", extension=extension)
    console = f"{base}{extension.pk}/"

    refused = sign_in(teammate).get(console)
    empty = sign_in(teammate).post(f"{console}leave/", {"reason": "", "minutes": "60"}, follow=True)
    asked = sign_in(teammate).post(f"{console}leave/", {"reason": "an outage", "minutes": "60"}, follow=True)

    assert f"{rule.pk}.{rule.version}" in refused.content.decode()
    assert "ask for a grant. a test" in refused.content.decode()
    assert "debug/console.js" not in refused.content.decode()
    assert "What are you looking for?" in empty.content.decode()
    assert "You asked for leave" in asked.content.decode()
    assert sign_in(stranger).post(f"{console}leave/", {"reason": "curious", "minutes": "60"}).status_code == 404
    assert DebugGrant.objects.count() == 1
    shown = sign_in(owner).get(base).content.decode()
    assert "an outage" in shown

    grant = DebugGrant.objects.get()
    decided = f"{base}grants/{grant.pk}/"
    assert [sign_in(user).post(decided, {"do": "approve"}).status_code for user in (teammate, stranger)] == [403, 404]
    sign_in(owner).post(decided, {"do": "approve"})
    assert "debug/console.js" in sign_in(teammate).get(console).content.decode()
    sign_in(owner).post(decided, {"do": "revoke"})
    assert "debug/console.js" not in sign_in(teammate).get(console).content.decode()


def test_console__denied_by_a_rule__says_why_and_takes_no_request_that_would_not_help(
    base: str, extension: Extension, owner: User
) -> None:
    set_rule("deny", scope="extension", extension=extension, reason="under audit")

    shown = sign_in(owner).get(f"{base}{extension.pk}/").content.decode()

    assert "under audit" in shown
    assert 'name="reason"' not in shown


def test_why__names_the_key_the_last_line_and_strays_to_those_who_may_know(
    streams: Any, base: str, extension: Extension, owner: User
) -> None:
    add(streams, tenant=extension.organization.tenant_id, extension="Ext-1")
    add(streams, extension="Ext-1")
    add(streams)

    shown = sign_in(owner).get(f"{base}{extension.pk}/why/").content.decode()

    assert f"ext-debug:{extension.organization.tenant_id}:ext-1" in shown
    assert "1 entry kept" in shown
    assert "<code>ext-debug:ext-1</code>" in shown
    assert "<code>ext-debug:unknown</code>" not in shown
