"""WebSocket routes."""

from __future__ import annotations

from typing import Any

from django.urls import path

from observability.consumers import LiveConsumer

# Django types a route for views alone; Channels takes the same routes for consumers.
_live: Any = LiveConsumer.as_asgi()

websocket_urlpatterns: list[Any] = [path("ws/live/", _live)]
