"""What lines belong to: set once where a request begins, known to everything it calls."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Dict, Iterator, Optional

_current: ContextVar[Optional[Dict[str, str]]] = ContextVar("playhead_debug_context", default=None)


@contextmanager
def request_context(
    request: Optional[str] = None, install: Optional[str] = None, trace: Optional[str] = None
) -> Iterator[None]:
    """Say what the lines of this block belong to; what is left out stays as it is outside."""
    given = {"request": request, "install": install, "trace": trace}
    token = _current.set({**get_context(), **{name: value for name, value in given.items() if value is not None}})
    try:
        yield
    finally:
        _current.reset(token)


def get_context() -> Dict[str, str]:
    """Return what lines belong to here."""
    return _current.get() or {}
