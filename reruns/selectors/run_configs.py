"""What an SDK fetches before it runs a workflow again (B5.4)."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from observability.errors import NotFoundError
from observability.selectors.traces import get_trace
from reruns.models import RunConfig
from reruns.selectors.replay import freeze_slots, list_slots
from reruns.wire.messages import FrozenEvent


class NotFrozen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event that was to be frozen and cannot be: its call will happen."""

    id: Annotated[int, Meta(description="The place that is kept free for it.")]
    event_db_id: int
    type: str
    name: str
    reason: str


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run's frozen events, in order, and its mocks."""

    id: str
    trigger_id: int | None
    trace_id: str
    workflow_name: str
    workflow_input: Annotated[object, Meta(description="Null also where it is read from the trace: see the signal.")]
    frozen_events: list[FrozenEvent]
    not_frozen: list[NotFrozen]
    frozen_event_ids: list[int]
    freezes_nothing: bool
    tool_mock_config: dict[str, Any]
    ai_mock_config: dict[str, Any]
    prompt_mocks: dict[str, Any]
    user_prompt_mocks: dict[str, Any]
    strict: bool
    created_at: str


def get_run_config(project_id: int, config_id: uuid.UUID) -> RunConfig:
    """Return the row. One query, primary key. Raises `NotFoundError`, also for another project's."""
    found = RunConfig.objects.select_related("trigger").filter(project=project_id, pk=config_id).first()
    if found is None:
        raise NotFoundError("No such run config.")
    return found


def find_open_run_config(config_id: uuid.UUID) -> RunConfig | None:
    """Return a config that its id alone opens: the project allows it, and its trigger is live (B6.4). One query."""
    found = (
        RunConfig.objects.select_related("trigger")
        .filter(pk=config_id, project__rerun_policy__is_open_to_run_ids=True, project__deleted_at=None)
        .first()
    )
    return found if found and found.trigger and found.trigger.is_live else None


def get_run_settings(config: RunConfig) -> RunSettings:
    """Return what the SDK needs. A handful of queries, and a read of storage for each large value.

    Raises `NotFoundError` when the trace is deleted, `TooLargeError` for more than is sent at once.
    """
    trace = get_trace(config.project_id, config.trace_id)
    slots = [] if config.freezes_nothing else list_slots(config.project_id, trace)
    frozen, reasons, counted = freeze_slots(config.project_id, slots, set(config.frozen_event_ids) or None)
    return RunSettings(
        id=str(config.pk),
        trigger_id=config.trigger_id,
        trace_id=config.trace_id,
        workflow_name=config.workflow_name,
        workflow_input=config.workflow_input,
        frozen_events=frozen,
        not_frozen=[
            NotFrozen(
                id=slot.ordinal,
                event_db_id=slot.event_id,
                type=slot.kind,
                name=slot.name,
                reason=reasons[slot.event_id],
            )
            for slot in counted
            if slot.event_id in reasons
        ],
        frozen_event_ids=list(config.frozen_event_ids),
        freezes_nothing=config.freezes_nothing,
        tool_mock_config=config.tool_mock_config,
        ai_mock_config=config.ai_mock_config,
        prompt_mocks=config.prompt_mocks,
        user_prompt_mocks=config.user_prompt_mocks,
        strict=config.is_strict,
        created_at=config.created_at.isoformat(),
    )
