"""Who may connect, what they are told, and what they may say: over real sockets."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import InterfaceError
from django.test import Client

from observability.models import Project, Scope, User
from observability.services.keys import NewKey, create_key, forget_keys, revoke_key
from reruns.models import SdkConnection
from reruns.sockets import server
from reruns.sockets.server import get_sockets
from tests.reruns.conftest import SESSION, TRACE, Sdk, wait_until

API = "/api/observability"


def _sign_in(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}


async def _make_viewer(url: str, user: User, project: Project | None, **headers: str) -> Sdk:
    cookie = await sync_to_async(_sign_in)(user)
    viewer = Sdk(url, key=None, session_id=None, headers={**cookie, **headers})
    if project is not None:
        viewer.auth["projectId"] = project.pk
    return viewer


@pytest.mark.parametrize("key", ["ed_0000.never", "", None, "odd\x00key", "a.b" * 9999])
async def test_connect__without_a_good_key__is_refused(key: str | None, url: str) -> None:
    refusal = await Sdk(url, key=key).connect()

    assert refusal["message"] == "invalid_api_key"
    assert refusal["data"]["code"] == "invalid_api_key"
    assert not await SdkConnection.objects.aexists()


async def test_connect__key_that_may_neither_send_nor_rerun__is_refused(url: str, project: Project) -> None:
    key = await sync_to_async(create_key)(project=project, name="Reader", scopes=[Scope.READ])

    assert (await Sdk(url, key=key.text).connect())["message"] == "missing_scope"


@pytest.mark.parametrize("header", ["api-key", "x-api-key", "authorization"])
async def test_connect__key_in_a_header__is_taken(header: str, url: str, rerun_key: NewKey) -> None:
    value = f"Bearer {rerun_key.text}" if header == "authorization" else rerun_key.text
    sdk = Sdk(url, key=None, headers={header: value})

    assert await sdk.connect() is None
    await sdk.close()


@pytest.mark.parametrize("transports", [["websocket", "polling"], ["polling", "websocket"], ["polling"]])
async def test_connect__any_transport__registers(transports: list[str], url: str, rerun_key: NewKey) -> None:
    sdk = Sdk(url, key=rerun_key.text, transports=transports)

    assert (await sdk.register())["ok"]
    await sdk.close()


@pytest.mark.parametrize("session_id", ["x" * 201, "", 7, {"a": 1}])
async def test_connect__session_id_that_is_none__is_refused(session_id: Any, url: str, rerun_key: NewKey) -> None:
    assert (await Sdk(url, key=rerun_key.text, session_id=session_id).connect())["message"] == "invalid_session_id"


async def test_connect__session_of_another_project__is_refused(
    url: str, rerun_key: NewKey, foreign_key: NewKey
) -> None:
    own = Sdk(url, key=rerun_key.text)
    await own.register()

    refusal = await Sdk(url, key=foreign_key.text).connect()
    late = Sdk(url, key=foreign_key.text, session_id=None)
    await late.connect()
    answer = await late.say("register", {"sessionId": SESSION})

    assert refusal["message"] == answer["error"]["code"] == "session_of_another_project"
    assert [row.sid async for row in SdkConnection.objects.all()] == [own.client.get_sid()]
    await own.close()
    await late.close()


async def test_register__another_session_than_the_handshake__is_declined(url: str, rerun_key: NewKey) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.connect()

    answer = await sdk.say("register", {"sessionId": "another"})

    assert answer["error"]["code"] == "invalid_session_id"
    await sdk.close()


@pytest.mark.parametrize("said", [None, 7, "x", [], {"tools": 3, "workflows": {"chat": {}}, "branch": 9}])
async def test_register__nonsense_beside_the_session__says_nothing(said: Any, url: str, rerun_key: NewKey) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.connect()

    answer = await sdk.say("register", said)

    assert answer["ok"]
    await sdk.close()


async def test_register__key_without_rerun__is_seen_and_sent_nothing(
    trace: str, url: str, project: Project, rerun_key: NewKey
) -> None:
    key = await sync_to_async(create_key)(project=project, name="Sender", scopes=[Scope.INGEST])
    sdk = Sdk(url, key=key.text)
    answer = await sdk.register()

    async with httpx.AsyncClient(base_url=url, headers={"api-key": rerun_key.text}) as http:
        asked = (await http.post(f"{API}/workflow-reruns", json={"traceId": TRACE})).json()
        sessions = (await http.get(f"{API}/sdk-sessions")).json()["items"]
    await sdk.say("ping", {"sessionId": SESSION})

    assert answer["mayRerun"] is False
    assert (asked["status"], asked["detail"]) == ("pending", "No SDK that takes reruns is connected.")
    assert [(item["sessionId"], item["isConnected"], item["mayRerun"]) for item in sessions] == [(SESSION, True, False)]
    assert not sdk.has_heard("trigger")
    await sdk.close()


async def test_message__too_large__is_declined_and_the_connection_stays(url: str, rerun_key: NewKey) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()

    declined = [
        await sdk.say(event, {"triggerId": 1, "taskId": "task-1", "tools": ["x" * settings.RERUN_SOCKET_BYTES]})
        for event in ("register", "portal:result", "workflow:rerun:result")
    ]

    assert [answer["error"]["code"] for answer in declined] == ["too_large"] * 3
    assert (await sdk.say("ping", {}))["ok"]
    await sdk.close()


async def test_ping__key_revoked_meanwhile__ends_the_connection(url: str, rerun_key: NewKey) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    await sync_to_async(revoke_key)(key=rerun_key.key)
    forget_keys()

    await sdk.client.emit("ping", {"sessionId": SESSION})
    await sdk.client.wait()

    await wait_until(lambda: SdkConnection.objects.filter(closed_at__isnull=False).exists())


@pytest.mark.parametrize("person", ["owner", "teammate", "viewer"])
async def test_viewer__member__watches(person: str, url: str, project: Project, request: pytest.FixtureRequest) -> None:
    user = await sync_to_async(request.getfixturevalue)(person)
    viewer = await _make_viewer(url, user, project)

    assert await viewer.connect() is None
    assert (await viewer.say("register", {"sessionId": SESSION}))["error"]["code"] == "denied"
    await viewer.close()


async def test_viewer__stranger__learns_nothing(url: str, project: Project, stranger: User) -> None:
    viewer = await _make_viewer(url, stranger, project)

    assert (await viewer.connect())["message"] == "not_found"


async def test_viewer__page_of_another_site__is_refused(url: str, project: Project, owner: User) -> None:
    viewer = await _make_viewer(url, owner, project, Origin="https://elsewhere.example")

    await viewer.connect()

    assert not viewer.client.connected


async def test_sockets__server_stops__says_so_of_its_connections(url: str, rerun_key: NewKey) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()

    await get_sockets().close()

    row = await SdkConnection.objects.aget()
    assert (row.is_open, row.closed_because) == (False, "The server stopped.")
    await sdk.close()


async def test_answer__half_a_character_and_a_huge_number__is_taken(trace: str, url: str, rerun_key: NewKey) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    async with httpx.AsyncClient(base_url=url, headers={"api-key": rerun_key.text}) as http:
        body = {"type": "tool", "name": "search", "input": "tarp"}
        asked = (await http.post(f"{API}/portal-tasks", json=body)).json()
        task = await sdk.hear("portal:task")

        taken = await sdk.say("portal:result", {"taskId": task["taskId"], "ok": True, "output": ["\ud800", 2**70]})
        shown = (await http.get(f"{API}/triggers/{asked['triggerId']}")).json()

    assert taken["ok"], taken
    assert shown["runItems"][0]["output"] == ["\ufffd", 2**70]
    await sdk.close()


async def test_alive__the_store_is_away_for_a_moment__goes_on_saying_so(
    url: str, rerun_key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_ALIVE_SECONDS", 0.01)
    said: list[str] = []

    def keep(process: str, sids: list[str]) -> None:
        said.append(process)
        if len(said) == 1:
            raise InterfaceError("the connection is closed")

    monkeypatch.setattr(server, "keep_alive", keep)
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()

    await wait_until(lambda: len(said) > 2)
    await sdk.close()


async def test_connect__more_sockets_than_a_key_may_have__is_refused(
    url: str, rerun_key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_SOCKETS", 1)
    first, second = Sdk(url, key=rerun_key.text), Sdk(url, key=rerun_key.text)
    await first.connect()

    refusal = await second.connect()
    await first.close()
    await wait_until(lambda: not SdkConnection.objects.filter(closed_at=None).exists())

    assert refusal["message"] == "too_many_connections"
    assert await second.connect() is None
    await second.close()
