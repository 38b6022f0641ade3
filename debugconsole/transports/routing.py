"""Where the transports are."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import structlog
from channels.auth import AuthMiddlewareStack
from django.urls import path

from debugconsole.transports import compatible
from debugconsole.transports.events import serve_events
from debugconsole.transports.exchange import DATABASE_ERRORS, refuse
from debugconsole.transports.poll import serve_poll
from debugconsole.transports.sockets import watch_socket
from debugconsole.wire.tokens import TokenError
from observability.errors import InvalidError, ObservabilityError

log = structlog.get_logger(__name__)

# Django types a route for views alone; Channels takes the same routes for ASGI applications.
_watch: Any = watch_socket

websocket_urlpatterns: list[Any] = [path("ws/debug/sessions/<uuid:session_id>", _watch)]

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SESSION = re.compile(rf"/api/debug/sessions/(?P<id>{_UUID})/(?P<kind>events|poll)")
_SERVE: dict[str, Callable[[Any, Any, Any, UUID], Awaitable[None]]] = {"events": serve_events, "poll": serve_poll}


class UnavailableError(ObservabilityError):
    """The store cannot be reached."""

    code = "unavailable"
    status = 503
    retry_after_s = 2


def is_stream_path(path: str) -> bool:
    """Tell whether a path is a stream's."""
    return path == compatible.PATH or _SESSION.fullmatch(path) is not None


async def stream_application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one request, once it is known who is signed in, if anybody is."""
    try:
        await _serve_person(scope, receive, send)
    except DATABASE_ERRORS as error:
        log.warning("debug.stream_unavailable", error=repr(error))
        await refuse(send, UnavailableError("The store cannot be reached; come back."))


async def _serve(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == compatible.PATH:
        await compatible.serve_compatible(scope, receive, send)
        return
    found = _SESSION.fullmatch(scope["path"])
    assert found is not None
    try:
        await _SERVE[found["kind"]](scope, receive, send, UUID(found["id"]))
    except TokenError as error:
        await refuse(send, InvalidError(str(error)))
    except ObservabilityError as error:
        await refuse(send, error)


_serve_person: Any = AuthMiddlewareStack(_serve)
