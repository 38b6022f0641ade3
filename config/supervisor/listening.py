"""The socket that the web process serves on.

The supervisor opens it and hands it down. So a used port is found before anything is started, and while a dead web
process is being replaced, callers wait in the socket's queue instead of being refused.
"""

from __future__ import annotations

import asyncio
import errno
import socket

from config.embedded.errors import EmbeddedError

BACKLOG = 2048


def open_listening_socket(host: str, port: int) -> socket.socket:
    """Listen on an address. Raises `EmbeddedError` with what to do instead."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise EmbeddedError(f"{host} is no address of this machine: choose another with --host.") from None
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise EmbeddedError(_explain(error, host, port)) from None
    return listening


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use: stop what uses it, or choose another with --port {port % 65535 + 1}."
    if error.errno == errno.EACCES:
        return f"Port {port} is for root only: choose one above 1023 with --port."
    return f"{host} port {port} cannot be listened on ({error.strerror}): choose others with --host and --port."


async def is_answering(listening: socket.socket) -> bool:
    """Tell whether a process behind the socket answers HTTP."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return (await reader.read(12)).startswith(b"HTTP/1.1 ")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
