"""System checks: a wrong setting is refused at start, with what to do about it.

What takes asking a server is asked at `check --deploy` and `check --tag debug_console` alone (`server_checks`).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

TAG = "debug_console"
_BOUNDS = ("DEBUG_STREAM_MAXLEN", "DEBUG_RETENTION_MINUTES")


@register(TAG)
def check_streams(**kwargs: Any) -> list[CheckMessage]:
    """The server of the streams has an address, and keys begin so that nobody else's do."""
    found: list[CheckMessage] = []
    if urlsplit(settings.DEBUG_REDIS_URL).scheme not in ("redis", "rediss", "unix"):
        hint = "Write redis://host:6379/0, rediss:// for TLS, or unix:///path/to/socket"
        found.append(Error("DEBUG_REDIS_URL is no address of a Valkey or Redis.", hint=hint, id="playhead.E030"))
    if not settings.DEBUG_STREAM_PREFIX.endswith(":"):
        hint = "End it with a colon, here and in RUNNER_DEBUG_REDIS_STREAM_PREFIX of the runners."
        message = f"DEBUG_STREAM_PREFIX is {settings.DEBUG_STREAM_PREFIX!r}: a tenant's id follows without a gap."
        found.append(Warning(message, hint=hint, id="playhead.W030"))
    found += [
        Error(f"{name} is {getattr(settings, name)}.", hint="Give a whole number above 0.", id="playhead.E031")
        for name in _BOUNDS
        if getattr(settings, name) <= 0
    ]
    return found
