"""Serve the ASGI application with uvicorn: the one place that says how. `python -m config.serve --help`.

uvicorn and not daphne: it stops sending to a client that does not read, where daphne buffers without bound.
"""

from __future__ import annotations

import argparse
import socket

import uvicorn

# Long-lived connections (live pages) are told to reconnect elsewhere after this long.
GOODBYE_SECONDS = 2
_DRAIN_SECONDS = 1.0
_PATIENCE_SECONDS = 300


class Server(uvicorn.Server):
    """Tells viewers of debug lines to go on elsewhere before it closes their connections.

    The lifespan protocol comes too late for that: the server speaks it when all connections are closed.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, in order."""
        # Imported when Django is set up, by the application.
        from debugconsole.viewing import drain

        await drain(_DRAIN_SECONDS)
        await super().shutdown(sockets=sockets)


def main() -> None:
    """Serve until SIGTERM, on an address or on a socket that the parent process opened."""
    parser = argparse.ArgumentParser(prog="python -m config.serve")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--fd", type=int, help="serve on this inherited socket instead")
    given = parser.parse_args()
    config = uvicorn.Config(
        "config.asgi:application",
        host=given.host,
        port=given.port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        # It would cost more for a line of debug output and viewer than everything else together.
        ws_per_message_deflate=False,
        access_log=False,
        # Django's logging settings hold for the server too.
        log_config=None,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
        server_header=False,
    )
    listener = config.bind_socket() if given.fd is None else socket.socket(fileno=given.fd)
    _bound_patience(listener)
    Server(config).run(sockets=[listener])


def _bound_patience(listener: socket.socket) -> None:
    """Let the system give up connections, also closed ones, whose other end takes nothing for minutes.

    Else a client that never reads holds what was sent to it for as long as it likes. Accepted sockets inherit it.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT") and listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _PATIENCE_SECONDS * 1_000)


if __name__ == "__main__":
    main()
