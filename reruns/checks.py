"""System checks: a wrong setting is refused at start, with what to do about it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

_BOUNDS = ("RERUN_SOCKET_BYTES", "RERUN_RESULT_BYTES")
_RATES = ("RERUN_CONNECTS_PER_MINUTE", "RERUN_REGISTERS_PER_MINUTE")


@register()
def check_bounds(**kwargs: Any) -> list[CheckMessage]:
    """Bounds and rates are positive, and what is posted may be as large as what is said over a socket."""
    found: list[CheckMessage] = [
        Error(f"{name} must be a positive number of bytes.", hint=f"Set {name}, or leave it out.", id="playhead.E020")
        for name in _BOUNDS
        if getattr(settings, name) <= 0
    ]
    found += [
        Error(f"{name} must be a positive number.", hint=f"Set {name}, or leave it out.", id="playhead.E022")
        for name in _RATES
        if getattr(settings, name) <= 0
    ]
    if settings.RERUN_RESULT_BYTES < settings.RERUN_SOCKET_BYTES:
        hint = "Raise RERUN_RESULT_BYTES, or lower RERUN_SOCKET_BYTES."
        found.append(Error("A result may be larger over the socket than posted.", hint=hint, id="playhead.E021"))
    return found
