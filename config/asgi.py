"""The one ASGI application: ingest doors, then the SDKs' sockets, then Django and the pages' WebSockets.

The doors come first and are no Django views: they bound a body while it streams and cost a fraction of a request
through the middleware. Everything else is Django's.
"""

from __future__ import annotations

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Django and Channels type ASGI each in their own way, so what they make is not typed here.
django_application: Any = get_asgi_application()

# Imported after Django is set up: they reach models.
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope  # noqa: E402
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from config.lifespan import lifespan_application  # noqa: E402
from debugconsole.door import debug_door, is_debug_door  # noqa: E402
from debugconsole.transports import routing as debug_routing  # noqa: E402
from observability.ingest.door import ingest_application, is_ingest_path  # noqa: E402
from observability.routing import websocket_urlpatterns  # noqa: E402
from reruns.sockets.server import is_socket_path, socket_application  # noqa: E402

websocket_application: Any = AllowedHostsOriginValidator(
    AuthMiddlewareStack(URLRouter([*websocket_urlpatterns, *debug_routing.websocket_urlpatterns]))
)


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Send each connection to its room."""
    if scope["type"] == "http" and is_ingest_path(scope["path"]):
        await ingest_application(scope, receive, send)
    elif scope["type"] == "http" and is_debug_door(scope["path"]):
        await debug_door(scope, receive, send)
    elif scope["type"] == "http" and debug_routing.is_stream_path(scope["path"]):
        await debug_routing.stream_application(scope, receive, send)
    elif scope["type"] in ("http", "websocket") and is_socket_path(scope["path"]):
        await socket_application(scope, receive, send)
    elif scope["type"] == "http":
        await django_application(scope, receive, send)
    elif scope["type"] == "websocket":
        await websocket_application(scope, receive, send)
    else:
        await lifespan_application(scope, receive, send)
