"""What a rerun would do, before it is asked for: what really happens, what it may change, what cannot be frozen.

Made of the same reads as the rerun itself, so what is said here is what the SDK will be told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import msgspec

from observability.errors import InvalidError
from observability.models import Event
from observability.selectors.shapes import TraceSummary
from reruns.effects import Effect, find_effect
from reruns.fidelity.mocks import is_mocked
from reruns.models import RerunPolicy, Trigger
from reruns.selectors.connections import choose_connection
from reruns.selectors.plan_shapes import PlannedCall, PlannedInput, PlannedSession, RerunPlan
from reruns.selectors.policies import count_recent_runs
from reruns.selectors.replay import (
    Slot,
    find_workflow_event,
    list_slots,
    load_frozen_events,
    load_originals,
    number_slots,
)
from reruns.wire.mocks import check_mocks, check_prompts

_CHUNK = 500


class PlanRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be planned. `event_ids` plans those calls one by one; None the workflow.

    `frozen_ids` None freezes everything, empty nothing. `has_input`: the request brings the workflow's input.
    """

    event_ids: list[int] | None = None
    frozen_ids: list[int] | None = None
    tool_mock_config: dict[str, Any] = {}
    ai_mock_config: dict[str, Any] = {}
    prompt_mocks: dict[str, Any] = {}
    user_prompt_mocks: dict[str, Any] = {}
    is_strict: bool = False
    has_input: bool = False
    run_count: int = 1
    session_id: str = ""
    workflow_name: str = ""


def make_plan(policy: RerunPolicy, trace: TraceSummary, request: PlanRequest) -> RerunPlan:
    """Return what would happen. A dozen queries, one more for 500 events, and a read of storage for a large value.

    Raises `InvalidError` and `MockError` naming the field, as asking for the rerun would, and `TooLargeError`.
    """
    project_id = policy.project_id
    slots = list_slots(project_id, trace)
    is_workflow = request.event_ids is None
    if is_workflow:
        _check_mocks(request)
        frozen_ids = _choose(
            slots, request.frozen_ids, problem="frozenEventIds: {} is no call of this trace that could be frozen"
        )
        _, reasons = load_frozen_events(project_id, slots)
    else:
        frozen_ids = set()
        wanted = _choose(
            slots, request.event_ids, problem="eventDbIds: {} is no call of this trace that could be run again"
        )
        slots = [slot for slot in slots if slot.event_id in wanted]
        reasons = _find_lost_inputs(project_id, slots)
    calls = _plan_calls(project_id, slots, request, frozen_ids=frozen_ids, reasons=reasons)
    states = Counter(call.state for call in calls)
    happening = [call for call in calls if call.state == "live"]
    asked = [call for call in happening if call.kind == "ai"]
    known = [call.cost_micros for call in asked if call.cost_micros is not None]
    return RerunPlan(
        trace_id=trace.trace_id,
        workflow_name=request.workflow_name or trace.workflow_name,
        mode=Trigger.Mode.WORKFLOW if is_workflow else Trigger.Mode.STEP,
        run_count=request.run_count,
        calls=calls,
        frozen=states["frozen"],
        mocked=states["mocked"],
        live=states["live"],
        refused=states["refused"],
        not_frozen=sum(call.is_to_freeze and not call.can_freeze and call.state != "within" for call in calls),
        changing=sum(call.effect == "changes" for call in happening),
        cost_micros=sum(known) * request.run_count if known or not asked else None,
        unpriced=len(asked) - len(known),
        input=_plan_input(project_id, trace, request),
        session=_choose_session(project_id, trace, request, slots),
        runs_left=max(policy.max_per_hour - count_recent_runs(project_id), 0),
    )


def _check_mocks(request: PlanRequest) -> None:
    check_mocks("toolMockConfig", request.tool_mock_config)
    check_mocks("aiMockConfig", request.ai_mock_config)
    check_prompts("promptMocks", request.prompt_mocks)
    check_prompts("userPromptMocks", request.user_prompt_mocks)


def _choose(slots: list[Slot], wanted: list[int] | None, *, problem: str) -> set[int]:
    known = {slot.event_id for slot in slots}
    if wanted is None:
        return known
    unknown = [number for number in wanted if number not in known]
    if unknown:
        raise InvalidError(problem.format(unknown[0]))
    return set(wanted)


def _find_lost_inputs(project_id: int, slots: list[Slot]) -> dict[int, str]:
    """Return by event why a step cannot be run with the input it had."""
    originals = load_originals(project_id, [slot.row for slot in slots])
    lost = {slot.event_id: original.find_loss("input") for slot, original in zip(slots, originals, strict=True)}
    return {number: reason for number, reason in lost.items() if reason}


def _plan_calls(
    project_id: int,
    slots: list[Slot],
    request: PlanRequest,
    *,
    frozen_ids: Collection[int],
    reasons: dict[int, str],
) -> list[PlannedCall]:
    shown = _read_shown(project_id, slots)
    numbers: Counter[tuple[str, str]] = Counter()
    counted = number_slots(slots, {number for number in frozen_ids if number not in reasons})
    ordinals = {slot.event_id: slot.ordinal for slot in counted}
    calls = []
    for slot in slots:
        numbers[slot.kind, slot.name] += 1
        number = numbers[slot.kind, slot.name]
        row = shown.get(slot.event_id, {})
        effect: Effect = find_effect(slot.kind, slot.name, row.get("input_preview"), model=slot.row["model"])
        reason = reasons.get(slot.event_id, "")
        is_frozen = slot.event_id in frozen_ids and not reason
        is_within = slot.event_id not in ordinals
        calls.append(
            PlannedCall(
                ordinal=ordinals.get(slot.event_id),
                event_db_id=slot.event_id,
                trace_id=slot.row["trace_id"],
                span_id=slot.row["span_id"],
                kind=slot.kind,
                name=slot.name,
                number=number,
                model=slot.row["model"],
                prompt_name=row.get("prompt_name"),
                started_at=slot.row["started_at"],
                ended_at=slot.row["ended_at"],
                duration_ms=slot.row["duration_ms"],
                cost_micros=row.get("cost_micros"),
                state="within" if is_within else "frozen" if is_frozen else _find_state(slot, number, request),
                made_by=slot.made_by,
                is_to_freeze=slot.event_id in frozen_ids,
                can_freeze=not reason,
                reason=reason,
                effect=effect.kind,
                effect_text=effect.text,
            )
        )
    return calls


def _find_state(slot: Slot, number: int, request: PlanRequest) -> Any:
    mocks = request.ai_mock_config if slot.kind == "ai" else request.tool_mock_config
    if slot.kind in ("ai", "tool") and is_mocked(mocks, slot.name, number):
        return "mocked"
    # A mode `live` is the word by which strict reruns are told that this call may happen.
    entry = mocks.get(slot.name) if slot.kind in ("ai", "tool") else None
    is_allowed = isinstance(entry, dict) and entry.get("mode") == "live"
    return "refused" if request.is_strict and not is_allowed else "live"


def _read_shown(project_id: int, slots: list[Slot]) -> dict[int, dict[str, Any]]:
    """Return previews and costs by event number. One query per 500, by primary key."""
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(slots), _CHUNK):
        rows = [slot.row for slot in slots[start : start + _CHUNK]]
        times = [row["started_at"] for row in rows]
        events = Event.objects.filter(
            project_id=project_id,
            trace_id__in={row["trace_id"] for row in rows},
            started_at__range=(min(times), max(times)),
            span_id__in=[row["span_id"] for row in rows],
        )
        found |= {row["id"]: dict(row) for row in events.values("id", "input_preview", "cost_micros", "prompt_name")}
    return found


def _plan_input(project_id: int, trace: TraceSummary, request: PlanRequest) -> PlannedInput:
    if request.has_input:
        return PlannedInput(state="given", span_id=None)
    found = find_workflow_event(project_id, trace)
    return PlannedInput(state="trace" if found else "missing", span_id=found and found[0])


def _choose_session(project_id: int, trace: TraceSummary, request: PlanRequest, slots: list[Slot]) -> PlannedSession:
    is_workflow = request.event_ids is None
    wanted = Trigger(
        project_id=project_id,
        mode=Trigger.Mode.WORKFLOW if is_workflow else Trigger.Mode.STEP,
        trace_id=trace.trace_id,
        workflow_name=request.workflow_name or trace.workflow_name,
        requested_session_id=request.session_id,
        steps=[] if is_workflow else [{"event_type": slot.kind, "event_name": slot.name} for slot in slots],
    )
    chosen, detail = choose_connection(wanted)
    return PlannedSession(session_id=None if chosen is None else chosen.session_id, detail=detail)
