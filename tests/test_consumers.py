"""The live socket through the real ASGI application, with the real Valkey and the real writer behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import connections
from django.test import Client, override_settings

from config.asgi import application
from config.embedded import Valkey
from config.embedded.process import ServerProcess, Watchdog
from observability import consumers
from observability.ingest.records import EventRecord
from observability.ingest.writer import close_writer, get_writer
from observability.models import Membership, Project, User
from tests.records import make_decoded, make_event

TRACE = "chat::1"
PATIENCE_SECONDS = 15.0
"""How long a test waits for what must come. Nothing waits this long unless it fails."""


class Page:
    """One open page: what it hears, beats aside."""

    def __init__(self, *, cookie: str = "", origin: str = settings.PUBLIC_URL) -> None:
        host = urlsplit(settings.PUBLIC_URL).netloc
        headers = {"host": host, "origin": origin, "cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.socket = WebsocketCommunicator(application, "/ws/live/", headers=encoded)

    async def open(self) -> Any:
        """Connect; return None, or the code with which the server refused."""
        is_accepted, code = await self.socket.connect(timeout=PATIENCE_SECONDS)
        return None if is_accepted else code

    async def subscribe(self, project: Project, **more: Any) -> Any:
        """Ask to hear of a project and return the answer."""
        await self.say({"subscribe": {"project": project.pk, **more}})
        return await self.hear("live.joined", "live.refused")

    async def say(self, message: Any) -> None:
        """Send a message to the server."""
        await self.socket.send_json_to(message)

    async def hear(self, *types: str) -> Any:
        """Return the next message of one of these types."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message = await self.socket.receive_json_from(timeout=PATIENCE_SECONDS)
                if message["type"] in types:
                    return message

    async def hear_closing(self) -> int:
        """Return the code with which the server closes, whatever it says before."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message = await self.socket.receive_output(timeout=PATIENCE_SECONDS)
                if message["type"] == "websocket.close":
                    return int(message["code"])

    async def hears_nothing(self) -> bool:
        """Say whether not even a beat comes in the time of several."""
        await self._forget_waiting()
        return await self.socket.receive_nothing(timeout=consumers.BEAT_SECONDS * 5, interval=0.02)

    async def _forget_waiting(self) -> None:
        while not self.socket.output_queue.empty():
            self.socket.output_queue.get_nowait()

    async def close(self) -> None:
        """Leave, as a browser does."""
        await self.socket.disconnect(timeout=PATIENCE_SECONDS)


@pytest.fixture(autouse=True)
def _beat_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "BEAT_SECONDS", 0.1)


@pytest_asyncio.fixture(autouse=True)
async def _close(store: None) -> AsyncIterator[None]:
    """Close what the event loop of a test opened."""
    yield
    await close_writer()
    layer = get_channel_layer()
    assert layer is not None
    await layer.flush()
    await sync_to_async(connections.close_all)()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[ServerProcess]:
    """A Valkey for the channel layer alone, which a test may kill."""
    server = Valkey(tmp_path)
    server.prepare()
    watchdog = Watchdog()
    process = ServerProcess(server, log=tmp_path / "valkey.log", watchdog=watchdog)
    process.start()
    layer = settings.CHANNEL_LAYERS["default"] | {"CONFIG": {"hosts": [{"address": server.url}]}}
    with override_settings(CHANNEL_LAYERS={"default": layer}):
        yield process
    process.stop()
    watchdog.close()


def _sign_in(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


async def _open_page(user: User) -> Page:
    page = Page(cookie=await sync_to_async(_sign_in)(user))
    assert await page.open() is None
    return page


async def _store(project: Project, *records: EventRecord) -> None:
    await get_writer().write(project_id=project.pk, decoded=make_decoded(*records), door="sdk")


async def test_connect__nobody_signed_in__is_refused() -> None:
    page = Page()

    await page.open()

    assert await page.hear_closing() == 4401
    await page.close()


async def test_connect__page_of_another_site__is_refused(owner: User) -> None:
    page = Page(cookie=await sync_to_async(_sign_in)(owner), origin="https://elsewhere.example")

    assert await page.open() == 1000


@pytest.mark.parametrize("person", ["owner", "teammate", "viewer"])
async def test_subscribe__member__joins(person: str, project: Project, request: pytest.FixtureRequest) -> None:
    page = await _open_page(await sync_to_async(request.getfixturevalue)(person))

    answer = await page.subscribe(project)

    assert answer == {"type": "live.joined", "project": project.pk}
    await page.close()


@pytest.mark.parametrize("more", [{}, {"trace": TRACE}])
async def test_subscribe__stranger__hears_neither_yes_nor_hints(
    more: dict[str, str], project: Project, stranger: User, foreign_project: Project
) -> None:
    page = await _open_page(stranger)
    answer = await page.subscribe(project, **more)
    await page.subscribe(foreign_project)

    await _store(project, make_event(TRACE))
    await _store(foreign_project, make_event("own"))

    assert answer == {"type": "live.refused", "detail": "No such project."}
    assert (await page.hear("trace.changed"))["project_id"] == foreign_project.pk
    await page.close()


async def test_subscribe__project_that_does_not_exist__is_refused_like_a_foreign_one(owner: User) -> None:
    page = await _open_page(owner)

    await page.say({"subscribe": {"project": 2**80}})

    assert (await page.hear("live.refused"))["detail"] == "No such project."
    await page.close()


@pytest.mark.parametrize("text", ["{", "[" * 5000, "7", "null", '{"subscribe": 1}', '{"subscribe": {"project": "1"}}'])
async def test_subscribe__nonsense__is_refused_and_the_socket_goes_on(text: str, owner: User, project: Project) -> None:
    page = await _open_page(owner)

    await page.socket.send_to(text_data=text)
    refusal = await page.hear("live.refused")

    assert refusal["detail"].startswith("subscribe:")
    assert (await page.subscribe(project, trace="\ud800"))["type"] == "live.joined"
    await page.close()


async def test_subscribe__fifth_group__is_refused(owner: User, project: Project) -> None:
    page = await _open_page(owner)

    answers = [(await page.subscribe(project, trace=str(number)))["type"] for number in range(5)]

    assert answers == ["live.joined"] * 4 + ["live.refused"]
    await page.close()


async def test_hint__new_trace__reaches_the_list_with_its_version(owner: User, project: Project) -> None:
    page = await _open_page(owner)
    await page.subscribe(project)

    await _store(project, make_event(TRACE))

    hint = await page.hear("trace.changed")
    assert hint == {"type": "trace.changed", "project_id": project.pk, "traces": [[TRACE, 1]], "is_complete": True}
    await page.close()


async def test_hint__page_of_one_trace__hears_of_that_trace_only(owner: User, project: Project) -> None:
    await _store(project, make_event(TRACE), make_event("other"))
    page = await _open_page(owner)
    await page.subscribe(project, trace=TRACE)

    await _store(project, make_event("other", "late"))
    await _store(project, make_event(TRACE, "late"))

    assert (await page.hear("trace.changed"))["traces"] == [[TRACE, 2]]
    await page.close()


async def test_beat__open_page__arrives_again_and_again(owner: User) -> None:
    page = await _open_page(owner)

    beats = [await page.hear("live.beat") for _ in range(3)]

    assert beats == [{"type": "live.beat"}] * 3
    await page.close()


async def test_access__taken_away__closes_the_socket(teammate: User, project: Project) -> None:
    page = await _open_page(teammate)
    await page.subscribe(project)

    await Membership.objects.filter(user=teammate).adelete()

    assert await page.hear_closing() == 4403
    await page.close()


async def test_valkey__dies_and_comes_back__no_beat_meanwhile_and_then_hints_again(
    own_valkey: ServerProcess, owner: User, project: Project
) -> None:
    page = await _open_page(owner)
    await page.subscribe(project)
    await page.hear("live.beat")

    own_valkey.kill()
    is_silent = await page.hears_nothing()
    await _store(project, make_event("unheard"))
    own_valkey.start()
    await page.hear("live.beat")
    heard = await _store_until_heard(page, project)

    assert is_silent
    assert heard == "again"
    await page.close()


async def _store_until_heard(page: Page, project: Project) -> str:
    """Store until a hint arrives: hints pause for a moment after one that failed."""
    hearing = asyncio.create_task(page.hear("trace.changed"))
    number = 0
    while not hearing.done():
        number += 1
        await _store(project, make_event("again", f"s{number}"))
        await asyncio.wait([hearing], timeout=0.2)
    return str(hearing.result()["traces"][0][0])


async def test_valkey__dead_when_the_page_opens__closes_with_come_back_later(
    own_valkey: ServerProcess, owner: User
) -> None:
    cookie = await sync_to_async(_sign_in)(owner)
    own_valkey.kill()
    refused = await Page(cookie=cookie).open()

    own_valkey.start()
    page = Page(cookie=cookie)
    accepted = await page.open()

    assert (refused, accepted) == (1013, None)
    await page.close()


async def test_valkey__dead_when_the_page_subscribes__closes_and_leaves_nothing_running(
    own_valkey: ServerProcess, owner: User, project: Project
) -> None:
    page = await _open_page(owner)
    await page.hear("live.beat")
    own_valkey.kill()

    await page.say({"subscribe": {"project": project.pk}})
    code = await page.hear_closing()
    await page.socket.wait(timeout=PATIENCE_SECONDS)

    assert code == 1013
    assert [task for task in asyncio.all_tasks() if "_beat" in repr(task)] == []
