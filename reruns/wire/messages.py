"""What an SDK is told: triggers, portal tasks, frozen events. Field names are the SDK's."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

STEP_TYPES = ("ai", "tool", "http", "db")
"""Types of events that can be run again, and that take a number when a workflow is."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a trigger as the row keeps it. `input` is what the caller gave; unset: what the event was given."""

    event_id: int | None = None
    event_type: str
    event_name: str
    provider: str | None = None
    model: str | None = None
    model_parameters: dict[str, Any] | None = None
    input: object | UnsetType = UNSET


class FrozenEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A recorded call that is answered from the recording (B1.1, B6.5).

    `id` is the replay ordinal: the SDK counts calls from 1 when it runs again, so the event's place among the trace's
    replayable events is what it is found by.
    """

    id: int
    type: str
    name: str
    input: Raw
    output: Raw
    timestamp: int
    duration_ms: float
    usage: Raw | UnsetType = UNSET
    agent_task_id: Raw | UnsetType = UNSET
    agent_task_index: Raw | UnsetType = UNSET
    streamed: Raw | UnsetType = UNSET
    stream_raw: Raw | UnsetType = UNSET
    schema_version: Raw | UnsetType = UNSET
    trace_id: str
    event_db_id: int
    original_id: int | None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One socket event."""

    event: str
    payload: dict[str, Any]


def make_step_signal(*, trigger_id: int, run_count: int, steps: list[tuple[Step, object]]) -> Message:
    """Return the signal for steps, each with its input."""
    payload = {
        "triggerId": trigger_id,
        "runCount": run_count,
        "mode": "step",
        "steps": [_make_signal_step(step, given) for step, given in steps],
    }
    return Message(event="trigger", payload=payload)


def make_workflow_signal(
    *, trigger_id: int, run_config_id: str, run_count: int, workflow_name: str, workflow_input: object, is_direct: bool
) -> Message:
    """Return the signal for a workflow; the direct mode has the same fields under another name (B6.15)."""
    payload = {
        "triggerId": trigger_id,
        "runCount": run_count,
        "mode": "workflow",
        "steps": [],
        "workflowName": workflow_name,
        "workflowInput": workflow_input,
        "runConfigId": run_config_id,
    }
    return Message(event="workflow:rerun" if is_direct else "trigger", payload=payload)


def make_portal_task(*, task_id: str, step: Step, given: object) -> Message:
    """Return the task for one call."""
    payload: dict[str, Any] = {"taskId": task_id, "type": step.event_type, "name": step.event_name, "input": given}
    optional = {"provider": step.provider, "model": step.model, "modelParameters": step.model_parameters}
    payload |= {name: value for name, value in optional.items() if value is not None}
    return Message(event="portal:task", payload=payload)


def _make_signal_step(step: Step, given: object) -> dict[str, Any]:
    made = {
        "eventType": step.event_type,
        "eventName": step.event_name,
        "originalEventDbId": step.event_id,
        "input": given,
    }
    optional = {"provider": step.provider, "model": step.model}
    return made | {name: value for name, value in optional.items() if value is not None}
