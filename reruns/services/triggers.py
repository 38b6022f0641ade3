"""Asking for reruns, and ending them: created, cancelled, expired. Answers are `services/results`.

A rerun can spend money and change data, so each is checked against the project's limits and is in the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone
from msgspec import UNSET, UnsetType

from observability.errors import InvalidError, NotFoundError
from observability.models import Project, User
from observability.selectors.shapes import TraceSummary
from observability.selectors.traces import get_trace
from reruns.errors import FinishedError, RerunLimitError, WorkflowInputMissingError
from reruns.models import RerunPolicy, Run, RunConfig, SamplingConfig, Trigger
from reruns.selectors.connections import is_reachable
from reruns.selectors.policies import count_live_triggers, count_recent_runs
from reruns.selectors.replay import find_workflow_input, get_slots_by_id, list_slots, require_replayable
from reruns.services.announce import announce_after_commit
from reruns.services.delivery import deliver_after_commit
from reruns.services.evaluations import evaluate_ended
from reruns.services.transitions import finish_trigger, lock_trigger
from reruns.wire.messages import STEP_TYPES, Step
from reruns.wire.mocks import check_mocks, check_prompts

MOST_RUNS = 50
MOST_STEPS = 100
_SWEEP = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What every request for a rerun says. `key_id` and `user` are who asked; neither for a sampling config."""

    policy: RerunPolicy
    user: User | None = None
    key_id: int | None = None
    run_count: int = 1
    session_id: str = ""
    ttl_minutes: int | None = None
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    sampling_config: SamplingConfig | None = None

    @property
    def project_id(self) -> int:
        """The project of the policy."""
        return self.policy.project_id


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSettings:
    """What to freeze and mock in a rerun of a workflow. `frozen_event_ids` None freezes everything, empty nothing."""

    workflow_name: str | None = None
    workflow_input: object | UnsetType = UNSET
    frozen_event_ids: list[int] | None = None
    tool_mock_config: dict[str, Any] = field(default_factory=dict)
    ai_mock_config: dict[str, Any] = field(default_factory=dict)
    prompt_mocks: dict[str, Any] = field(default_factory=dict)
    user_prompt_mocks: dict[str, Any] = field(default_factory=dict)
    is_strict: bool = False
    is_direct: bool = False


def request_workflow_rerun(*, request: Request, trace: TraceSummary, settings: WorkflowSettings) -> Trigger:
    """Ask for a trace's workflow to be run again, and send it after the commit.

    Raises `RerunLimitError`; `InvalidError` for frozen events that are not the trace's and mocks no SDK could follow;
    `WorkflowInputMissingError` when neither the trace nor the caller says what the workflow is given (null may be
    given).
    """
    config = _build_config(request.project_id, trace, settings)
    with transaction.atomic():
        trigger = _create(
            request,
            mode=Trigger.Mode.WORKFLOW,
            trace_id=trace.trace_id,
            workflow_name=config.workflow_name,
            is_direct=settings.is_direct,
        )
        config.trigger = trigger
        config.save()
        _create_runs(trigger, steps=1)
    return trigger


def request_step_reruns(*, request: Request, trace: TraceSummary, event_ids: list[int] | None) -> Trigger:
    """Ask for some of a trace's events, or all that can be, to be run again one by one with their own inputs.

    Raises `RerunLimitError`, `NothingToRerunError`, and `InvalidError` for an event that is not one of the trace's
    model, tool, HTTP and database calls.
    """
    slots = list_slots(request.project_id, trace)
    require_replayable(slots)
    if event_ids is not None:
        known = {slot.event_id: slot for slot in slots}
        unknown = [number for number in event_ids if number not in known]
        if unknown:
            raise InvalidError(f"eventDbIds: {unknown[0]} is no call of this trace that could be run again")
        slots = [known[number] for number in dict.fromkeys(event_ids)]
    if not 0 < len(slots) <= MOST_STEPS:
        raise InvalidError(f"eventDbIds: give 1 to {MOST_STEPS}; {len(slots)} would be run")
    steps = [_make_step(slot.row) for slot in slots]
    return _request_steps(
        request, steps, mode=Trigger.Mode.STEP, trace_id=trace.trace_id, workflow_name=trace.workflow_name
    )


def request_portal_task(*, request: Request, step: Step) -> Trigger:
    """Ask for one call, typed in or taken from an event of the project with or without another input.

    Raises `RerunLimitError`, `NotFoundError` for an event of another project, `InvalidError` for a type that cannot be
    run again.
    """
    trace_id = workflow_name = ""
    if request.run_count != 1:
        raise InvalidError("runCount: a portal task runs once")
    if step.event_id is not None:
        step, trace_id, workflow_name = _complete_step(request.project_id, step)
    if step.event_type not in STEP_TYPES or not step.event_name:
        raise InvalidError(f"type: one of {', '.join(STEP_TYPES)} is expected, and a name")
    if step.event_id is None and step.input is UNSET:
        raise InvalidError("input: give one, or the event it is taken from")
    return _request_steps(request, [step], mode=Trigger.Mode.PORTAL, trace_id=trace_id, workflow_name=workflow_name)


@transaction.atomic
def cancel_trigger(*, trigger: Trigger, cancelled_by: User | None) -> Trigger:
    """End a trigger that nobody wants any more. What an SDK has begun goes on; its answer is kept as late.

    Raises `FinishedError` when it has come to its end already.
    """
    locked = lock_trigger(trigger.pk)
    if not locked.is_live:
        raise FinishedError(f"The rerun is {locked.get_state_display().lower()} already.")
    locked.cancelled_by = cancelled_by
    finish_trigger(locked, Trigger.State.CANCELLED, "")
    evaluate_ended(locked)
    return locked


def expire_triggers() -> int:
    """End the triggers whose time is over, each in its own transaction. Returns how many. Served by `triggers_live`."""
    late = Trigger.objects.filter(state__in=Trigger.LIVE_STATES, expires_at__lte=timezone.now())
    ended = 0
    for trigger_id in list(late.order_by("expires_at").values_list("pk", flat=True)[:_SWEEP]):
        with transaction.atomic():
            locked = lock_trigger(trigger_id)
            if locked.is_live and locked.expires_at <= timezone.now():
                finish_trigger(locked, Trigger.State.EXPIRED, _explain_expiry(locked))
                evaluate_ended(locked)
                ended += 1
    return ended


# -- creating ----------------------------------------------------------------------------------------------------------


def _request_steps(request: Request, steps: list[Step], *, mode: str, trace_id: str, workflow_name: str) -> Trigger:
    with transaction.atomic():
        trigger = _create(
            request,
            mode=mode,
            trace_id=trace_id,
            workflow_name=workflow_name,
            steps=msgspec.to_builtins(steps),
            planned_runs=len(steps) * request.run_count,
        )
        _create_runs(trigger, steps=len(steps))
    return trigger


def _create(request: Request, *, planned_runs: int | None = None, **fields: Any) -> Trigger:
    """Store the trigger within the limits. The project's row is the lock that counts are exact under."""
    if not 1 <= request.run_count <= MOST_RUNS:
        raise InvalidError(f"runCount: give 1 to {MOST_RUNS}")
    Project.objects.select_for_update(no_key=True).get(pk=request.project_id)
    _check_limits(request.policy, planned_runs or request.run_count)
    ttl = timedelta(minutes=request.ttl_minutes or request.policy.ttl_minutes)
    trigger = Trigger(
        project_id=request.project_id,
        run_count=request.run_count,
        requested_session_id=request.session_id,
        evaluations=request.evaluations,
        requested_by=request.user,
        requested_key_id=request.key_id,
        sampling_config=request.sampling_config,
        expires_at=timezone.now() + ttl,
        **fields,
    )
    trigger.save()
    announce_after_commit(trigger)
    deliver_after_commit(trigger)
    return trigger


def _check_limits(policy: RerunPolicy, planned_runs: int) -> None:
    if count_live_triggers(policy.project_id) >= policy.max_concurrent:
        raise RerunLimitError(f"{policy.max_concurrent} reruns wait or run already, which is this project's limit.")
    left = policy.max_per_hour - count_recent_runs(policy.project_id)
    if planned_runs > left:
        raise RerunLimitError(
            f"{planned_runs} runs are more than the {max(left, 0)} left of this project's {policy.max_per_hour} an hour"
        )


def _create_runs(trigger: Trigger, *, steps: int) -> None:
    numbers = [(step, number) for step in range(steps) for number in range(1, trigger.run_count + 1)]
    Run.objects.bulk_create(Run(trigger=trigger, step=step, number=number) for step, number in numbers)


def _build_config(project_id: int, trace: TraceSummary, settings: WorkflowSettings) -> RunConfig:
    check_mocks("toolMockConfig", settings.tool_mock_config)
    check_mocks("aiMockConfig", settings.ai_mock_config)
    check_prompts("promptMocks", settings.prompt_mocks)
    check_prompts("userPromptMocks", settings.user_prompt_mocks)
    source = RunConfig.InputSource.GIVEN
    if settings.workflow_input is UNSET:
        source = RunConfig.InputSource.TRACE
        if find_workflow_input(project_id, trace) is None:
            raise WorkflowInputMissingError(
                "workflowInput: the trace does not say what the workflow was given; give it, or null."
            )
    return RunConfig(
        project_id=project_id,
        trace_id=trace.trace_id,
        workflow_name=settings.workflow_name or trace.workflow_name,
        workflow_input=None if settings.workflow_input is UNSET else settings.workflow_input,
        input_source=source,
        frozen_event_ids=_check_frozen(project_id, trace, settings.frozen_event_ids),
        freezes_nothing=settings.frozen_event_ids == [],
        tool_mock_config=settings.tool_mock_config,
        ai_mock_config=settings.ai_mock_config,
        prompt_mocks=settings.prompt_mocks,
        user_prompt_mocks=settings.user_prompt_mocks,
        is_strict=settings.is_strict,
    )


def _check_frozen(project_id: int, trace: TraceSummary, wanted: list[int] | None) -> list[int]:
    if not wanted:
        return []
    known = {slot.event_id for slot in list_slots(project_id, trace)}
    unknown = [number for number in wanted if number not in known]
    if unknown:
        raise InvalidError(f"frozenEventIds: {unknown[0]} is no call of this trace that could be frozen")
    return list(dict.fromkeys(wanted))


def _complete_step(project_id: int, step: Step) -> tuple[Step, str, str]:
    """Fill what the caller left out from the event, and return it with the event's trace and workflow."""
    assert step.event_id is not None
    rows = get_slots_by_id(project_id, [step.event_id])
    if not rows:
        raise NotFoundError("No such event.")
    of_event = _make_step(rows[0])
    completed = msgspec.structs.replace(
        of_event,
        event_type=step.event_type or of_event.event_type,
        event_name=step.event_name or of_event.event_name,
        provider=step.provider or of_event.provider,
        model=step.model or of_event.model,
        model_parameters=step.model_parameters,
        input=step.input,
    )
    trace = get_trace(project_id, rows[0]["trace_id"])
    return completed, trace.trace_id, trace.workflow_name


def _make_step(row: dict[str, Any]) -> Step:
    is_model_call = row["kind"] == "ai"
    return Step(
        event_id=row["id"],
        event_type=row["kind"],
        event_name=row["name"],
        provider=row["provider"] if is_model_call else None,
        model=row["model"] if is_model_call else None,
    )


def _explain_expiry(trigger: Trigger) -> str:
    missing = trigger.runs.filter(state=Run.State.WAITING).count()
    if trigger.state == Trigger.State.PENDING:
        return trigger.detail or "No SDK took it."
    explained = f"{missing} of {trigger.runs.count()} runs were not answered"
    if trigger.session_id and not is_reachable(trigger.project_id, trigger.session_id):
        return f"{explained}; the SDK session {trigger.session_id} is not connected any more."
    return f"{explained}."
