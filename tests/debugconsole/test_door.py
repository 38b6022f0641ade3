"""`POST /api/debug/ingest`, through the real application to a real stream."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.test import override_settings
from redis.asyncio import Redis

from config.asgi import application
from debugconsole import door
from debugconsole.models import Extension
from debugconsole.readers.feed import Feed
from debugconsole.readers.hub import close_hub, get_hub
from debugconsole.wire.posted import MOST_EVENTS
from debugconsole.wire.prepare import Source
from observability.models import Project, Scope
from observability.services.keys import NewKey, create_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def debug_key(project: Project) -> NewKey:
    return create_key(project=project, name="Runner", scopes=[Scope.DEBUG])


@pytest_asyncio.fixture
async def client(transactional_db: None) -> AsyncIterator[httpx.AsyncClient]:
    door.forget()
    async with Redis.from_url(settings.DEBUG_REDIS_URL) as streams:
        await streams.flushdb()
    transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as opened:
        yield opened
    await sync_to_async(connections.close_all)()


async def post(client: httpx.AsyncClient, key: NewKey, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post("/api/debug/ingest", content=content, headers={"api-key": key.text, **headers})


async def read(extension: Extension) -> list[dict[bytes, bytes]]:
    key = f"ext-debug:{extension.organization.tenant_id}:{extension.extension_id.lower()}"
    streams: Any
    async with Redis.from_url(settings.DEBUG_REDIS_URL) as streams:
        return [fields for _, fields in await streams.xrange(key)]


async def test_ingest__lines__are_written_as_a_runner_would(
    client: httpx.AsyncClient, debug_key: NewKey, extension: Extension
) -> None:
    line = {
        "message": "hé",
        "level": "WARN",
        "stream": "stderr",
        "requestId": "r",
        "ts": 5,
        "seq": 3,
        "fields": {"a": 1},
    }
    answer = await post(client, debug_key, {"extension": "EXT-1", "pod": "p1", "boot": "b1", "events": [line]})

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    assert await read(extension) == [
        {
            b"ts": b"5",
            b"level": b"warn",
            b"stream": b"stderr",
            b"tenant": str(extension.organization.tenant_id).encode(),
            b"extension": b"EXT-1",
            b"request": b"r",
            b"message": "hé".encode(),
            b"truncated": b"0",
            b"boot": b"b1",
            b"pod": b"p1",
            b"seq": b"3",
            b"fields": b'{"a":1}',
        }
    ]


async def test_ingest__bad_lines_beside_good_ones__are_refused_alone(
    client: httpx.AsyncClient, debug_key: NewKey, extension: Extension, foreign_extension: Extension
) -> None:
    events: list[Any] = [
        {"message": "good"},
        "no object",
        {"message": 5},
        {"message": "m", "level": "loud"},
        {"message": "m", "request": "x" * 401},
        {"message": "m", "fields": [1]},
        {"message": "m", "extension": "other"},
        {"message": "m", "extension": None},
        {"message": "m", "ts": {}},
        {"message": "x" * 9000, "tenant": "11111111-d9cb-469f-a165-70867728950e"},
    ]
    answer = await post(client, debug_key, {"extension": "Ext-1", "events": events})

    rejected = {item["index"]: item["reason"].partition(":")[0] for item in answer.json()["rejected"]}
    assert answer.json()["accepted"] == 2
    assert rejected == {
        1: "a line is an object",
        2: "message",
        3: "level",
        4: "request",
        5: "fields",
        6: "extension",
        7: "extension",
        8: "ts",
    }
    good, long = await read(extension)
    assert (good[b"message"], len(long[b"message"]), long[b"truncated"]) == (b"good", 8192, b"1")
    assert long[b"tenant"].decode() == str(extension.organization.tenant_id)
    assert await read(foreign_extension) == []


async def test_ingest__an_extension_of_another_project__is_refused(
    client: httpx.AsyncClient, debug_key: NewKey, foreign_project: Project
) -> None:
    answer = await post(client, debug_key, [{"message": "m", "extension": "Ext-1"}])

    assert answer.status_code == 202
    assert [item["code"] for item in answer.json()["rejected"]] == ["unknown_extension"]


async def test_ingest__compressed__is_read(client: httpx.AsyncClient, debug_key: NewKey, extension: Extension) -> None:
    body = gzip.compress(json.dumps([{"message": "m", "extension": "Ext-1"}]).encode())

    answer = await post(client, debug_key, body, **{"content-encoding": "gzip"})

    assert answer.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no json", 400),
        ({"events": 5}, 400),
        ("text", 400),
        ([{}] * (MOST_EVENTS + 1), 400),
        (b" " * (4 * 2**20 + 1), 413),
    ],
)
async def test_ingest__what_is_no_list_of_lines__is_refused_whole(
    client: httpx.AsyncClient, debug_key: NewKey, body: Any, status: int
) -> None:
    answer = await post(client, debug_key, body)

    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_ingest__without_a_good_key__is_refused(
    client: httpx.AsyncClient, api_key: NewKey, debug_key: NewKey
) -> None:
    answers = [
        await client.post("/api/debug/ingest", content=b"[]"),
        await client.post("/api/debug/ingest", content=b"[]", headers={"x-runner-auth": "ed_no.key"}),
        await client.post("/api/debug/ingest", content=b"[]", headers={"api-key": api_key.text}),
        await client.get("/api/debug/ingest", headers={"api-key": debug_key.text}),
        await client.post("/api/debug/ingest/", content=b"[]", headers={"x-runner-auth": debug_key.text}),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 403, 405, 202]


async def test_ingest__more_than_a_key_may_send__is_told_to_wait(
    client: httpx.AsyncClient, debug_key: NewKey, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "LINES_PER_SECOND", 3)
    line = {"message": "m", "extension": "Ext-1"}

    answers = [await post(client, debug_key, [line] * 3), await post(client, debug_key, [line] * 3)]

    assert [answer.status_code for answer in answers] == [202, 429]
    assert answers[1].headers["retry-after"] == "1"


async def test_ingest__without_a_server_of_streams__says_send_again(
    client: httpx.AsyncClient, debug_key: NewKey, extension: Extension
) -> None:
    with override_settings(DEBUG_REDIS_URL="unix:///nowhere/valkey.sock"):
        answer = await post(client, debug_key, [{"message": "m", "extension": "Ext-1"}])

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_ingest__without_a_server_of_streams_and_somebody_looks__shows_it_to_them_and_says_so(
    client: httpx.AsyncClient, debug_key: NewKey, extension: Extension
) -> None:
    """Of an extension that nobody looks at, nothing is taken: its producer keeps it."""
    tenant = str(extension.organization.tenant_id)
    source = Source(prefix="ext-debug:", key=f"ext-debug:{tenant}:ext-1", tenant=tenant, extension="Ext-1")
    body = [{"message": "seen by you alone", "extension": "Ext-1"}]
    with override_settings(DEBUG_REDIS_URL="unix:///nowhere/valkey.sock"):
        feed = await get_hub().open(Feed(session_id="looks", source=source, project_id=extension.project_id))
        while not (notices := (await feed.take(timeout=10)).notices):
            pass
        answer = await post(client, debug_key, body)
        taken = await feed.take(timeout=10)
        await get_hub().close(feed)
        unwatched = await post(client, debug_key, body)
        await close_hub()

    assert [(notice.code, notice.scope) for notice in notices] == [
        ("source_unavailable", None),
        ("degraded", "single_process"),
    ]
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": [], "single_process": 1})
    assert [item.line.message for item in taken.aside] == ["seen by you alone"]
    assert unwatched.status_code == 503
