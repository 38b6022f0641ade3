"""Live hints: who is told that a trace changed, and how. The only code that calls `group_send`.

A hint carries ids and versions, never data: whoever hears it reads the rows. So hints may be lost, doubled or late
without harm, a dead Valkey costs nothing but promptness, and nothing here can fail a commit.

Groups
------
`project.<id>`
    Any trace of the project; for lists.
`trace.<project id>.<hash of the trace id>`
    One trace; for its page. A trace that is new has no page yet, so it gets none.
`rerun.<project id>.<number>`
    One rerun; for its page.

At most five messages a second about traces go to each group: changes in between are joined into the next one. Reruns
change a few times in their lives, and each change is told.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Literal, TypedDict
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

LAYER_ERRORS = (OSError, RedisError)
"""What a dead, frozen or full Valkey raises through the channel layer."""
_INTERVAL_SECONDS = 0.2
_SEND_SECONDS = 1.0
"""A hint that takes longer than this is given up: the pages' polling finds what it told."""
_PAUSE_SECONDS = 2.0
"""How long hints are dropped at once after one failed, so that a dead Valkey costs nothing."""
_MOST_TRACES = 200
"""Ids in one hint; a list whose rows are not among them refreshes as a whole when `is_complete` is false."""

TraceVersion = tuple[str, int]


class Hint(TypedDict):
    """Traces of a project changed: pairs of trace id and its version now."""

    type: Literal["trace.changed"]
    project_id: int
    traces: list[TraceVersion]
    is_complete: bool


class RerunHint(TypedDict):
    """A rerun changed: its number and its version now."""

    type: Literal["rerun.changed"]
    project_id: int
    rerun: tuple[int, int]


def project_group(project_id: int) -> str:
    """Return the group that hears of all traces of a project."""
    return f"project.{project_id}"


def trace_group(project_id: int, trace_id: str) -> str:
    """Return the group that hears of one trace. Hashed: group names are short and ASCII, trace ids are not."""
    return f"trace.{project_id}.{hashlib.blake2b(trace_id.encode(errors='replace'), digest_size=12).hexdigest()}"


def rerun_group(project_id: int, number: int) -> str:
    """Return the group that hears of one rerun."""
    return f"rerun.{project_id}.{number}"


class _Announcer:
    """Joins and sends the hints of one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[int, dict[str, int]]] = {}
        self._sent_at: dict[str, float] = {}
        self._paused_until = 0.0
        self._task: asyncio.Task[None] | None = None

    def add(self, group: str, project_id: int, trace_id: str, version: int) -> None:
        """Note a change for the group's next hint."""
        _, traces = self._waiting.setdefault(group, (project_id, {}))
        traces[trace_id] = max(version, traces.get(trace_id, 0))

    def start(self) -> None:
        """Send what waits, now or as soon as the group's pause is over."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            now = time.monotonic()
            due = [group for group in self._waiting if now - self._sent_at.get(group, 0.0) >= _INTERVAL_SECONDS]
            for group in due:
                project_id, traces = self._waiting.pop(group)
                self._sent_at[group] = now
                await self._send(group, project_id, traces)
            if self._waiting:
                await asyncio.sleep(_INTERVAL_SECONDS / 4)
        if len(self._sent_at) > 10_000:
            self._sent_at.clear()

    async def _send(self, group: str, project_id: int, traces: dict[str, int]) -> None:
        layer = get_channel_layer()
        if layer is None or time.monotonic() < self._paused_until:
            return
        hint: Hint = {
            "type": "trace.changed",
            "project_id": project_id,
            "traces": list(traces.items())[-_MOST_TRACES:],
            "is_complete": len(traces) <= _MOST_TRACES,
        }
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await layer.group_send(group, dict(hint))
        except LAYER_ERRORS as error:
            # The rows are stored, and pages that hear no beat poll.
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            log.warning("live.unavailable", error=repr(error))


_announcers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Announcer] = WeakKeyDictionary()


def announce(versions: dict[tuple[int, str], int]) -> None:
    """Tell viewers which traces changed. Called in the event loop after a commit; returns at once and never raises.

    Parameters
    ----------
    versions
        New version by (project id, trace id).
    """
    if not versions:
        return
    announcer = _announcers.setdefault(asyncio.get_running_loop(), _Announcer())
    for (project_id, trace_id), version in versions.items():
        announcer.add(project_group(project_id), project_id, trace_id, version)
        if version > 1:
            announcer.add(trace_group(project_id, trace_id), project_id, trace_id, version)
    announcer.start()


_rerun_hints_paused_until = 0.0


def announce_rerun(*, project_id: int, number: int, version: int) -> None:
    """Tell viewers that a rerun changed. Called outside an event loop, after a commit; never raises.

    Waits `_SEND_SECONDS` at most for a Valkey that does not answer, and not at all for a while after that.
    """
    global _rerun_hints_paused_until
    if time.monotonic() < _rerun_hints_paused_until:
        return
    hint: RerunHint = {"type": "rerun.changed", "project_id": project_id, "rerun": (number, version)}
    try:
        async_to_sync(_send_rerun_hint)(hint)
    except LAYER_ERRORS as error:
        _rerun_hints_paused_until = time.monotonic() + _PAUSE_SECONDS
        log.warning("live.unavailable", error=repr(error))


async def _send_rerun_hint(hint: RerunHint) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    async with asyncio.timeout(_SEND_SECONDS):
        for group in (project_group(hint["project_id"]), rerun_group(hint["project_id"], hint["rerun"][0])):
            await layer.group_send(group, dict(hint))
