"""What clients do: read slowly or not at all, and come back with a token of any kind."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings

from debugconsole.models import DebugSession, Extension
from debugconsole.readers.hub import get_hub
from debugconsole.services.sessions import Opened
from debugconsole.transports import limits
from debugconsole.viewing import make_source
from debugconsole.wire.lines import EntryId
from debugconsole.wire.tokens import Position, write_token
from observability.models import User
from tests.debugconsole.faults.conftest import PATIENCE_SECONDS, Client, EventsClient, Open, SocketClient, settle
from tests.debugconsole.readers.conftest import Streams, count_added
from tests.debugconsole.transports.conftest import HOST, open_for

pytestmark = pytest.mark.slow
_LARGE = "x" * 4_000


class Sluggard:
    """A client that reads what it is told to, and no more; its end of the connection holds next to nothing."""

    def __init__(self, url: str, opened: Opened, *, is_socket: bool) -> None:
        self._address = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
        session = opened.session.pk
        kind = f"/ws/debug/sessions/{session}" if is_socket else f"/api/debug/sessions/{session}/events"
        head = [f"GET {kind}?ticket={opened.ticket} HTTP/1.1", f"host: {HOST}", f"origin: {settings.PUBLIC_URL}"]
        if is_socket:
            head += ["upgrade: websocket", "connection: Upgrade", "sec-websocket-version: 13"]
            head += ["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="]
        self._head = "\r\n".join([*head, "", ""]).encode()

    async def open(self) -> asyncio.StreamReader:
        """Connect, and read nothing."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, self._address)
        reader, self.writer = await asyncio.open_connection(sock=connection, limit=1_024)
        self.writer.write(self._head)
        return reader


async def open_with_history(owner: User, extension: Extension, streams: Streams, lines: int) -> Opened:
    """Open a session that will be sent so many large lines at once."""
    opened = await open_for(owner, extension, tail=2_000)
    streams.follow(await sync_to_async(make_source)(opened.session))
    await asyncio.to_thread(streams.write, lines, padding=_LARGE)
    return opened


async def test_clients__that_never_read__are_given_up_and_harm_nobody(
    url: str,
    owner: User,
    extension: Extension,
    streams: Streams,
    open_client: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "STALL_SECONDS", 0.5)
    opened = [await open_with_history(owner, extension, streams, lines) for lines in (1_600, 0)]
    sluggards = [Sluggard(url, one, is_socket=is_socket) for one, is_socket in zip(opened, (True, False), strict=True)]
    for sluggard in sluggards:
        await sluggard.open()
    other = await open_client(SocketClient)

    waiting = {str(one.session.pk) for one in opened}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not waiting <= get_hub().feeds.keys():
            await asyncio.sleep(0.01)
        while waiting & get_hub().feeds.keys():
            await asyncio.sleep(0.01)
    streams.write(5)
    await other.until(lambda: len(other.ids) == 5)

    # They may come back for the rest of their time.
    assert await DebugSession.objects.filter(ended_at=None, is_attached=False).acount() == 2
    for sluggard in sluggards:
        sluggard.writer.close()
    await other.leave()


async def test_client__that_reads_a_kilobyte_at_a_time__is_told_of_all_it_did_not_get(
    url: str, owner: User, extension: Extension, streams: Streams
) -> None:
    opened = await open_with_history(owner, extension, streams, 0)
    sluggard = Sluggard(url, opened, is_socket=False)
    reader = await sluggard.open()
    await reader.readuntil(b"event: hello")

    async def read_all() -> str:
        text = bytearray()
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Each part of the body, however the server cuts it, ends with a whole frame.
            while not (re.search(rb'"(n|to)":8000,', text[-2_000:]) and text.endswith((b"\n\n", b"\n\n\r\n"))):
                text += await reader.read(1_024)
        return text.decode()

    reading = asyncio.create_task(read_all())
    for first in range(0, 8_000, 1_000):
        await asyncio.to_thread(streams.write, 1_000, first=first, padding=_LARGE[:500], maxlen=1_000)
    frames = [_read_frame(frame) for frame in (await reading).split("\r\n\r\n", 1)[-1].split("\n\n")]

    ids = [data["id"] for name, data in frames if name == "" and "id" in data]
    told = sum(data["count"] for name, data in frames if name == "notice" and data["code"] == "dropped")
    assert len(ids) == len(set(ids))
    assert len(ids) + told == 8_000
    sluggard.writer.close()


def _read_frame(frame: str) -> tuple[str | None, Any]:
    lines = [line for line in frame.splitlines() if ": " in line]
    fields = dict(line.split(": ", 1) for line in lines)
    try:
        return fields.get("event", ""), json.loads(fields["data"])
    except (KeyError, ValueError):
        # A comment, or the last one, cut.
        return None, None


async def test_token__valid_trimmed_or_of_what_never_was__goes_on_as_far_as_can_be(
    streams: Streams, clients: list[Client]
) -> None:
    streams.write(10)
    await settle(clients, 10)
    for client in clients:
        await client.leave()
    tokens = [client.after for client in clients]

    async def come_back(tokens: list[str], known: int) -> list[str]:
        for client, token in zip(clients, tokens, strict=True):
            await client.open(token)
            await client.until(lambda client=client: client.accounted == known)  # type: ignore[misc]
            await client.leave()
        return [client.resumes[-1] for client in clients]

    streams.write(5, first=10)
    valid = await come_back(tokens, known=15)
    streams.trim(2)
    trimmed = await come_back(tokens, known=20)
    position, secret = Position(EntryId(2**45, 0), 10**9), settings.SECRET_KEY.encode()
    future = [
        write_token(position, secret=secret, session=str(client.session.pk), key=streams.key) for client in clients
    ]
    never = await come_back(future, known=35)

    # A session that is polled went on meanwhile: it need not have begun again.
    assert valid == ["exact", "exact", "new"]
    assert trimmed == ["lost"] * 3
    assert {client.told["retention"] for client in clients} == {3 + 13}
    assert never == ["reset"] * 3


async def test_token__of_another_session__is_refused(open_client: Open, streams: Streams) -> None:
    events, other = await open_client(EventsClient), await open_client(EventsClient)
    streams.write(1)
    await other.until(lambda: bool(other.after))
    await events.leave()

    await events.open_refused(other.after)

    assert events.status == 400
    await other.leave()


async def test_socket__many_lines_without_an_answer__gets_no_more_than_it_granted(
    url: str, owner: User, extension: Extension, streams: Streams, open_client: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_UNACKED", 50)
    client = await open_client(SocketClient)
    await asyncio.to_thread(streams.write, 400)
    await client.until(lambda: client.accounted == 400)

    client.check(count_added(streams))
    await client.leave()
