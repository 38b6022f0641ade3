"""A rerun's own events, as some SDKs send them one by one with the run's id (B1.6, B6.17).

They become the trace of the run, through the same decoder, redaction and writer as every other event. The first brings
a workflow event with it, so that the trace has its root, unless the SDK sends one of its own.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

import msgspec
from channels.db import database_sync_to_async
from django.db import transaction
from msgspec import Raw

from observability.errors import NotFoundError
from observability.ingest.records import Decoded, WriteResult
from observability.ingest.sdk import decode_events
from observability.ingest.sdk.identity import make_workflow_span_id
from observability.ingest.writer import get_writer
from observability.models import Trace
from reruns.errors import ResultUnreadableError
from reruns.models import Run, RunConfig
from reruns.selectors.run_configs import find_open_run_config, get_run_config
from reruns.services.results import mark_running
from reruns.services.run_links import choose_run
from reruns.services.transitions import lock_trigger, save_trigger
from reruns.wire.results import read_number

RERUN_TAG = "rerun"
"""Every event of a rerun has this tag, and so has its trace."""
_decoder = msgspec.json.Decoder(dict[str, Raw])


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run's events go."""

    project_id: int
    run_id: str
    trace_id: str
    session_id: str
    workflow_name: str
    is_new: bool


async def record_run_event(*, body: bytes, project_id: int | None, public_id: str = "") -> WriteResult:
    """Store one event, or a list of them, of the run that a body names.

    `project_id` is the key's; without a key the run's id must be enough for the project. Raises `NotFoundError` for a
    run that is not there or is another project's, `ResultUnreadableError` for a body that names none, and
    `WriterBusyError`.
    """
    members = _read(body)
    place = await database_sync_to_async(_find_place)(members, project_id)
    decoded = _decode(members, place)
    return await get_writer().write(project_id=place.project_id, decoded=decoded, door="rerun", public_id=public_id)


def _read(body: bytes) -> dict[str, Raw]:
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ResultUnreadableError("body: an object with runId and event is expected") from error


def _find_place(members: dict[str, Raw], project_id: int | None) -> _Place:
    run_id, number = _read_value(members, "runId"), read_number(_read_value(members, "runIndex"))
    config = _find_config(run_id, project_id)
    if config.trigger_id is None:
        raise NotFoundError("No such run.")
    with transaction.atomic():
        trigger = lock_trigger(config.trigger_id)
        runs = list(trigger.runs.order_by("number"))
        run = choose_run(runs, None if number is None else number + 1)
        if not run.trace_id:
            run.trace_id = _make_trace_id(config, run)
            run.save(update_fields=["trace_id"])
            save_trigger(trigger)
    mark_running(trigger_id=trigger.pk)
    return _Place(
        project_id=config.project_id,
        run_id=str(config.pk),
        trace_id=run.trace_id,
        session_id=trigger.session_id or f"run-{config.pk}",
        workflow_name=config.workflow_name,
        # A first request that the writer had no place for comes again, and still brings the root.
        is_new=not Trace.objects.filter(project_id=config.project_id, trace_id=run.trace_id).exists(),
    )


def _find_config(run_id: object, project_id: int | None) -> RunConfig:
    try:
        config_id = uuid.UUID(run_id) if isinstance(run_id, str) else None
    except ValueError:
        config_id = None
    if config_id is None:
        raise NotFoundError("No such run.")
    found = find_open_run_config(config_id) if project_id is None else get_run_config(project_id, config_id)
    if found is None:
        raise NotFoundError("No such run.")
    return found


def _make_trace_id(config: RunConfig, run: Run) -> str:
    """Return a trace id of the SDK's own form, so that the workflow and its name are found in it."""
    ending = f"::{time.time_ns() // 1_000_000}::run-{run.pk}"
    return f"{config.workflow_name[: 255 - len(ending)]}{ending}"


def _decode(members: dict[str, Raw], place: _Place) -> Decoded:
    """Return the events' records, each in the run's trace and tagged, and none of production."""
    event = _read_value(members, "event")
    events = [dict(item) for item in (event if isinstance(event, list) else [event]) if isinstance(item, dict)]
    for item in events:
        item["traceId"] = place.trace_id
    decoded = _decode_events(events, place)
    records = list(decoded.events)
    indexes = list(decoded.event_indexes)
    has_root = any(record.span_id == make_workflow_span_id(place.trace_id) for record in records)
    if records and place.is_new and not has_root:
        began_us = min(record.started_at_us for record in records)
        records += _decode_events([_make_root(began_us // 1000 - 1, place)], place).events
        indexes.append(len(events))
    tagged = [msgspec.structs.replace(record, tags=(RERUN_TAG,), run_id=place.run_id) for record in records]
    return msgspec.structs.replace(decoded, events=tuple(tagged), event_indexes=tuple(indexes))


def _decode_events(events: list[dict[str, Any]], place: _Place) -> Decoded:
    return decode_events(msgspec.json.encode({"sessionId": place.session_id, "events": events})).decoded


def _make_root(timestamp_ms: int, place: _Place) -> dict[str, Any]:
    """Return the run's workflow event, which begins before its first call."""
    return {
        "type": "workflow",
        "name": place.workflow_name,
        "input": None,
        "output": None,
        "timestamp": timestamp_ms,
        "durationMs": 0,
        "traceId": place.trace_id,
    }


def _read_value(members: dict[str, Raw], name: str) -> Any:
    return msgspec.json.decode(members[name]) if name in members else None
