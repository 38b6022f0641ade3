"""Where the transports are."""

from __future__ import annotations

from typing import Any

from django.urls import path

from debugconsole.transports.sockets import watch_socket

# Django types a route for views alone; Channels takes the same routes for ASGI applications.
_watch: Any = watch_socket

websocket_urlpatterns: list[Any] = [path("ws/debug/sessions/<uuid:session_id>", _watch)]
