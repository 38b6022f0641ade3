"""What the server does at its own start and end: it spares the collector work; viewers of debug lines are told to come
back, sockets are given up, and the writer commits what it holds.
"""

from __future__ import annotations

import gc

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from debugconsole.readers.hub import close_hub
from observability.ingest.writer import close_writer
from reruns.sockets.server import close_sockets

# A request of a hundred events makes some thousand objects that live until its commit. At Python's own 700 they are
# looked through again and again while nothing of them is garbage.
_COLLECT_EVERY = 20_000


async def lifespan_application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer the ASGI lifespan protocol (uvicorn speaks it, daphne does not, and neither need be waited for)."""
    if scope["type"] != "lifespan":
        return
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            # Half a million objects of imported modules, which stay: no collection need ever look at them.
            gc.collect()
            gc.freeze()
            gc.set_threshold(_COLLECT_EVERY, 10, 10)
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await close_hub()
            await close_sockets()
            await close_writer()
            await send({"type": "lifespan.shutdown.complete"})
            return
