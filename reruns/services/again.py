"""Asking once more for what was asked for before, as the same request with the same settings."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from observability.selectors.traces import get_trace
from reruns.models import RunConfig, Trigger
from reruns.services.triggers import (
    Request,
    WorkflowSettings,
    request_portal_task,
    request_step_reruns,
    request_workflow_rerun,
)
from reruns.wire.messages import Step


def request_again(*, trigger: Trigger, request: Request) -> Trigger:
    """Ask for a trigger's runs anew. Raises what asking raises, and `NotFoundError` when the trace is gone.

    An input that was read from the trace is read from it again.
    """
    if trigger.mode == Trigger.Mode.PORTAL:
        return request_portal_task(request=request, step=msgspec.convert(trigger.steps[0], Step))
    trace = get_trace(trigger.project_id, trigger.trace_id)
    if trigger.mode == Trigger.Mode.STEP:
        event_ids = [step["event_id"] for step in trigger.steps]
        return request_step_reruns(request=request, trace=trace, event_ids=event_ids)
    return request_workflow_rerun(request=request, trace=trace, settings=_copy_settings(trigger))


def _copy_settings(trigger: Trigger) -> WorkflowSettings:
    config: RunConfig = trigger.run_config
    is_given = config.input_source == RunConfig.InputSource.GIVEN
    return WorkflowSettings(
        workflow_name=config.workflow_name,
        workflow_input=config.workflow_input if is_given else UNSET,
        frozen_event_ids=[] if config.freezes_nothing else list(config.frozen_event_ids) or None,
        tool_mock_config=config.tool_mock_config,
        ai_mock_config=config.ai_mock_config,
        prompt_mocks=config.prompt_mocks,
        user_prompt_mocks=config.user_prompt_mocks,
        is_strict=config.is_strict,
        is_direct=trigger.is_direct,
    )
