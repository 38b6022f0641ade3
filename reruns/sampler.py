"""Which of the traces that are stored right now may be sampled: noted in the event loop, worked on in Celery by id.

Most are ruled out here, by the share alone, without a query. What gets lost on the way to Celery is found by the
sweep (`services.sampling.list_missed_traces`).
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

from observability.ingest.door.exchange import Delivery
from reruns.services.sampling import SETTLE, Share, is_sampled, list_shares
from reruns.snapshots import Snapshot

log = structlog.get_logger(__name__)

_GATHER_SECONDS = 2.0
_MOST_WAITING = 10_000

_shares: Snapshot[dict[int, list[Share]]] = Snapshot(list_shares, empty={}, seconds=5.0)
_waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, set[tuple[int, str]]] = WeakKeyDictionary()
_tasks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()


def note_traces(project_id: int, delivery: Delivery) -> None:
    """Remember those of a request's traces that a sampling config of the project takes."""
    shares = _shares.look().get(project_id)
    if not shares:
        return
    loop = asyncio.get_running_loop()
    waiting = _waiting.setdefault(loop, set())
    for trace_id in {event.trace_id for event in delivery.decoded.events if event.run_id is None}:
        if any(is_sampled(share, trace_id) for share in shares) and len(waiting) < _MOST_WAITING:
            waiting.add((project_id, trace_id))
    task = _tasks.get(loop)
    if waiting and (task is None or task.done()):
        _tasks[loop] = loop.create_task(_send(waiting))


async def renew_shares() -> None:
    """Look now which configs are enabled."""
    await _shares.renew()


async def _send(waiting: set[tuple[int, str]]) -> None:
    """Gather for a moment, so that a trace's batches make one task, and hand over."""
    await asyncio.sleep(_GATHER_SECONDS)
    taken = list(waiting)
    waiting.clear()
    by_project: dict[int, list[str]] = {}
    for project_id, trace_id in taken:
        by_project.setdefault(project_id, []).append(trace_id)
    try:
        await asyncio.to_thread(_queue, by_project)
    except (OSError, OperationalError) as error:
        log.warning("sampling.unavailable", error=repr(error))


def _queue(by_project: dict[int, list[str]]) -> None:
    for project_id, trace_ids in by_project.items():
        current_app.send_task(
            "reruns.tasks.sample_traces", args=[project_id, trace_ids], countdown=SETTLE.total_seconds() + 1
        )


async def wait_sent() -> None:
    """Wait until what was noted is handed over."""
    task = _tasks.get(asyncio.get_running_loop())
    if task is not None:
        await task
