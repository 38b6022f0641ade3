"""Answers from a recording while the desk runs again, where the client itself has none.

Version 0.1.4 of the elasticdash client answers tools, databases and wrapped models from a recording, but no model that
is called over HTTP: it only records those. The desk asks here first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from elasticdash_sdk.interceptors import telemetry_push


class RefusedCallError(Exception):
    """A strict rerun came to a model call that is neither frozen nor mocked."""


class RunNumbers:
    """What the client numbers the calls of a run by: from 1, every call in turn. `upcoming` is the next one's."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = itertools.count(1)
        self.upcoming = next(self._numbers)

    def __call__(self) -> int:
        """Take a number."""
        taken, self.upcoming = self.upcoming, next(self._numbers)
        return taken


class AiMocks(dict[str, Any]):
    """Mocks of models. Of one that has none the client takes its own word for "none" as the answer, but not this."""

    def __bool__(self) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, [None])


def find_answer(model: str) -> str | None:
    """Return what a model call is answered with in a rerun; None for one that is to happen.

    A call that happens takes its number from the client, one that is answered here takes it now.
    """
    run = telemetry_push.get_http_run_context()
    if run is None:
        return None
    frozen = run.frozen_events.get(run.next_id.upcoming)
    if frozen is not None and frozen.type == "ai":
        run.next_id()
        return str(frozen.output)
    mock = telemetry_push.get_http_ai_mock(model)
    if mock is not None and mock is not telemetry_push._MOCK_LIVE:
        run.next_id()
        return str(mock)
    if run.strict and mock is not telemetry_push._MOCK_LIVE:
        raise RefusedCallError(f"{model} is neither frozen nor mocked, and this rerun is strict.")
    return None
