"""What the server does at its own start and end: nothing to start; at the end the writer commits what it holds."""

from __future__ import annotations

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from observability.ingest.writer import close_writer


async def lifespan_application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer the ASGI lifespan protocol (uvicorn speaks it, daphne does not, and neither need be waited for)."""
    if scope["type"] != "lifespan":
        return
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await close_writer()
            await send({"type": "lifespan.shutdown.complete"})
            return
