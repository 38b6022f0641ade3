"""Serve the ASGI application with uvicorn: the one place that says how. `python -m config.serve --help`.

uvicorn and not daphne: it stops sending to a client that does not read, where daphne buffers without bound.
"""

from __future__ import annotations

import argparse
import socket

import uvicorn

# Long-lived connections (live pages) are told to reconnect elsewhere after this long.
GOODBYE_SECONDS = 2
_DRAIN_SECONDS = 2.0


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
    server = Server(
        uvicorn.Config(
            "config.asgi:application",
            host=given.host,
            port=given.port,
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio",
            access_log=False,
            # Django's logging settings hold for the server too.
            log_config=None,
            timeout_graceful_shutdown=GOODBYE_SECONDS,
            server_header=False,
        )
    )
    server.run(sockets=[socket.socket(fileno=given.fd)] if given.fd is not None else None)


if __name__ == "__main__":
    main()
