"""The socket that the supervisor opens for the web process."""

from __future__ import annotations

import asyncio
import socket

import pytest

from config.embedded.errors import EmbeddedError
from config.supervisor.listening import is_answering, open_listening_socket


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_open__of_a_used_port__is_refused_with_another_to_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as user:
        port = user.getsockname()[1]

        with pytest.raises(EmbeddedError) as caught:
            open_listening_socket("127.0.0.1", port)

    assert str(caught.value) == (
        f"Port {port} on 127.0.0.1 is in use: stop what uses it, or choose another with --port {port + 1}."
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_open__on_a_foreign_address__is_refused_with_a_remedy(host: str) -> None:
    with pytest.raises(EmbeddedError, match=r"choose .*--host"):
        open_listening_socket(host, find_free_port())


async def test_is_answering__without_a_process_behind_the_socket__is_false() -> None:
    with open_listening_socket("127.0.0.1", find_free_port()) as listening:
        answer = await is_answering(listening)

    assert answer is False


async def test_is_answering__with_a_process_behind_the_socket__is_true() -> None:
    async def answer_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    with open_listening_socket("0.0.0.0", find_free_port()) as listening:
        server = await asyncio.start_server(answer_http, sock=listening.dup())
        answer = await is_answering(listening)
        server.close()

    assert answer is True
