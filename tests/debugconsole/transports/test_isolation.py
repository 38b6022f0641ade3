"""Everybody at every stream of one person's session. The addresses of REST have theirs in `tests/debugconsole/api`.

Nobody but the viewer learns that a session is there, and nothing that a caller says of tenants counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from debugconsole.models import DebugSession, Extension
from observability.models import Project, Scope, User
from observability.services.keys import create_key
from tests.debugconsole.transports.conftest import Exchange, Socket, open_for, sign_in

COMPATIBLE = "/api/ext-debug/stream?extensionId=ext-1"
UNAUTHENTICATED, UNKNOWN = 4401, 4404

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture
def keys(project: Project, foreign_project: Project, owner: User, stranger: User) -> dict[str, str]:
    """Keys of the viewer that do not reach, and of others."""
    full: list[str] = [Scope.READ, Scope.DEBUG]
    made: dict[str, tuple[Project, User | None, list[str]]] = {
        "only read": (project, owner, [Scope.READ]),
        "only debug": (project, owner, [Scope.DEBUG]),
        "neither": (project, owner, [Scope.INGEST, Scope.ADMIN, Scope.RERUN]),
        "of nobody": (project, None, full),
        "of another tenant": (foreign_project, stranger, full),
        "of the viewer, in another project": (foreign_project, owner, full),
    }
    return {
        name: create_key(project=place, name=name, scopes=scopes, created_by=maker).text
        for name, (place, maker, scopes) in made.items()
    }


async def list_statuses(session_id: object, **caller: Any) -> list[int]:
    """Return what a caller is answered about a session by SSE and by long-poll."""
    paths = [f"/api/debug/sessions/{session_id}/{rest}" for rest in ("events", "poll")]
    return [await fetch_status(path, **caller) for path in paths]


async def fetch_status(path: str, **caller: Any) -> int:
    exchange = Exchange(path, **caller)
    await exchange.fetch()
    return exchange.status


async def test_session__of_another_person__is_in_no_stream(
    owner: User, teammate: User, viewer: User, stranger: User, operator: User, extension: Extension
) -> None:
    session = (await open_for(owner, extension)).session
    tenant = str(extension.organization.tenant_id)

    for person in (teammate, viewer, stranger, operator):
        cookie = await sign_in(person)
        assert await list_statuses(session.pk, cookie=cookie) == [404, 404], person
        assert await list_statuses(str(session.pk).upper(), cookie=cookie) == [404, 404], person
        forged = {"x_alga_tenant": tenant, "x_tenant_id": tenant, "cookie": cookie}
        assert await list_statuses(session.pk, **forged) == [404, 404], person
    assert await list_statuses(session.pk) == [401, 401]
    assert await list_statuses(session.pk, api_key="ed_no.such") == [401, 401]
    await _check_untouched(session)


async def test_session__with_keys_that_do_not_reach__is_in_no_stream(
    owner: User, extension: Extension, keys: dict[str, str]
) -> None:
    session = (await open_for(owner, extension)).session

    answers = {name: await list_statuses(session.pk, api_key=key) for name, key in keys.items()}

    assert answers == {
        "only read": [403, 403],
        "only debug": [403, 403],
        "neither": [403, 403],
        "of nobody": [403, 403],
        "of another tenant": [404, 404],
        "of the viewer, in another project": [404, 404],
    }
    await _check_untouched(session)


async def test_socket__without_a_ticket_of_ones_own__is_closed_with_why(
    owner: User, teammate: User, stranger: User, extension: Extension
) -> None:
    opened = await open_for(owner, extension)
    other = await open_for(teammate, extension)
    attempts: Iterable[tuple[dict[str, str], int]] = (
        ({}, UNAUTHENTICATED),
        ({"ticket": "guessed"}, UNAUTHENTICATED),
        # Of another session, and one's own with the cookie of somebody else.
        ({"ticket": other.ticket, "cookie": await sign_in(teammate)}, UNAUTHENTICATED),
        ({"ticket": opened.ticket, "cookie": await sign_in(stranger)}, UNKNOWN),
    )

    for said, code in attempts:
        socket = Socket(opened.session, **said)
        assert await socket.open()
        assert await socket.hear_closing() == code, said

    await _check_untouched(opened.session)


async def test_compatible_stream__of_a_foreign_extension__opens_nothing(
    extension: Extension, stranger: User, viewer: User, keys: dict[str, str]
) -> None:
    tenant = str(extension.organization.tenant_id)
    cookie = await sign_in(stranger)

    statuses = [
        await fetch_status(COMPATIBLE),
        await fetch_status(COMPATIBLE, cookie=cookie),
        await fetch_status(f"{COMPATIBLE}&tenantId={tenant}", cookie=cookie),
        await fetch_status(f"{COMPATIBLE}&tenantId={tenant.upper()}", cookie=cookie, x_alga_tenant=tenant),
        await fetch_status(COMPATIBLE, cookie=await sign_in(viewer)),
        await fetch_status(COMPATIBLE, api_key=keys["only read"]),
        await fetch_status(COMPATIBLE, api_key=keys["of another tenant"]),
    ]

    assert statuses == [401, 403, 403, 403, 403, 403, 403]
    assert not await DebugSession.objects.aexists()


@sync_to_async
def _check_untouched(session: DebugSession) -> None:
    session.refresh_from_db()
    assert (session.is_open, session.opened_at, session.delivered) == (True, None, 0)
