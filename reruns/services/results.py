"""What SDKs answer. Idempotent: the first answer of a run is kept, whatever way it came, and a second changes nothing.

An answer to a trigger that has come to its end is kept with its run, marked late, and the trigger's state stays.
Outputs pass the project's redaction and capture like everything else that is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from observability.errors import NotFoundError
from observability.ingest.payloads import pack
from observability.ingest.redaction import redact_json, redact_text
from observability.services.policies import ProjectPolicy, load_policy
from reruns import outbound
from reruns.errors import ResultUnreadableError
from reruns.models import Run, RunConfig, Trigger
from reruns.services.evaluations import evaluate_after_commit
from reruns.services.transitions import finish_trigger, lock_trigger, save_trigger
from reruns.wire.results import Answer, Outcome, StepAnswer, read_number

PREVIEW_BYTES = 2_000
_LOOKED_BACK = 1_000
"""Reruns of steps among which the one is looked for that a late answer is of: no index leads to an event's."""
_TASK_PREFIX = "task-"


@dataclass(slots=True)
class Recorded:
    """What became of an answer: runs it is the first for, runs that had one, and what could not be placed."""

    trigger: Trigger
    accepted: int = 0
    duplicates: int = 0
    rejected: list[str] = field(default_factory=list)


def record_answer(*, project_id: int, trigger_id: int, answer: Answer, session_id: str | None = None) -> Recorded:
    """Keep what an SDK answers to a trigger, and bring it to its end with the last run.

    `session_id` is given for an answer over a socket: only the session that it was sent to may answer there. Raises
    `NotFoundError`, also for another project's or session's trigger, and `ResultUnreadableError` when nothing of it
    belongs to the trigger.
    """
    policy = load_policy(project_id)
    with transaction.atomic():
        trigger = lock_trigger(trigger_id, project_id=project_id)
        if session_id is not None and trigger.session_id != session_id:
            raise NotFoundError("No such rerun.")
        return _record(trigger, answer, policy)


def record_event_answer(*, project_id: int, event_id: int, answer: Answer) -> Recorded:
    """Keep what an SDK answers for an event without saying for which trigger: the oldest that waits for it (B1.6).

    Where none waits, the newest that did, whose runs then have an answer or get a late one. Raises `NotFoundError`.
    """
    policy = load_policy(project_id)
    asked = Trigger.objects.filter(project=project_id, mode=Trigger.Mode.STEP, steps__contains=[{"event_id": event_id}])
    waiting = asked.filter(state__in=Trigger.LIVE_STATES, runs__state=Run.State.WAITING).order_by("pk")
    with transaction.atomic():
        for trigger_id in list(waiting.values_list("pk", flat=True).distinct()):
            trigger = lock_trigger(trigger_id)
            if trigger.is_live and _is_step_open(trigger, event_id):
                return _record(trigger, _of_event(event_id, answer), policy)
        recent = Trigger.objects.filter(project=project_id, mode=Trigger.Mode.STEP).order_by("-pk")[:_LOOKED_BACK]
        newest = asked.filter(pk__in=recent.values("pk")).order_by("-pk").first()
        if newest is None:
            raise NotFoundError("No rerun of this event was asked for.")
        return _record(lock_trigger(newest.pk), _of_event(event_id, answer), policy)


def read_task_id(task_id: object) -> int:
    """Return the trigger a portal task's name stands for. Raises `NotFoundError`."""
    number = read_number(task_id.removeprefix(_TASK_PREFIX)) if isinstance(task_id, str) else None
    if number is None:
        raise NotFoundError("No such task.")
    return number


def mark_running(*, trigger_id: int) -> None:
    """Note the first sign of an SDK at work: it fetched the run's config, or sent an event of the run. Idempotent."""
    live = (Trigger.State.PENDING, Trigger.State.SENT)
    if not Trigger.objects.filter(pk=trigger_id, state__in=live).exists():
        return
    with transaction.atomic():
        trigger = lock_trigger(trigger_id)
        if trigger.state in live:
            _set_running(trigger)
            save_trigger(trigger)


def note_refusal(*, trigger_id: int, project_id: int, session_id: str, detail: str) -> None:
    """Keep that an answer was refused, where its reader waits. Nothing for a trigger that is not the session's."""
    with transaction.atomic():
        found = Trigger.objects.select_for_update().filter(pk=trigger_id, project=project_id, session_id=session_id)
        trigger = found.first()
        if trigger is not None and trigger.is_live:
            trigger.detail = detail
            save_trigger(trigger)


# -- placing outcomes --------------------------------------------------------------------------------------------------


def _record(trigger: Trigger, answer: Answer, policy: ProjectPolicy) -> Recorded:
    recorded = Recorded(trigger)
    runs = list(trigger.runs.defer("output"))
    was_live = trigger.is_live
    changed: list[Run] = []
    for step, outcomes in _place(trigger, answer, recorded):
        own = [run for run in runs if run.step == step]
        for outcome in outcomes:
            run = _find_run(own, outcome)
            if run is None:
                recorded.duplicates += 1
            else:
                _fill(run, outcome, policy, is_late=not was_live)
                run.save()
                changed.append(run)
    recorded.accepted = len(changed)
    if not (recorded.accepted or recorded.duplicates):
        raise ResultUnreadableError(recorded.rejected[0] if recorded.rejected else "body: it holds no result")
    if changed:
        _advance(trigger, runs) if was_live else save_trigger(trigger)
        evaluate_after_commit(trigger, changed)
        _tell_viewers_after_commit(trigger, changed)
    return recorded


def _place(trigger: Trigger, answer: Answer, recorded: Recorded) -> Iterable[tuple[int, list[Outcome]]]:
    """Yield outcomes by the step they are of; those of no step are noted."""
    if answer.outcomes:
        if len(trigger.steps) > 1:
            recorded.rejected.append("steps: the rerun has several, so each result says which it is of")
        else:
            yield 0, answer.outcomes
    for index, item in enumerate(answer.steps):
        step = 0 if trigger.mode == Trigger.Mode.WORKFLOW else _find_step(trigger, item)
        if step is None:
            recorded.rejected.append(f"steps[{index}]: the rerun has no such step")
        else:
            yield step, item.outcomes


def _find_step(trigger: Trigger, item: StepAnswer) -> int | None:
    """Find a step by its event, else by type and name."""
    if item.event_id is not None:
        return _first(trigger, lambda step: step.get("event_id") == item.event_id)
    wanted = (item.event_type, item.event_name)
    return _first(trigger, lambda step: (step["event_type"], step["event_name"]) == wanted)


def _first(trigger: Trigger, matches: Callable[[dict[str, object]], bool]) -> int | None:
    return next((index for index, step in enumerate(trigger.steps) if matches(step)), None)


def _find_run(runs: list[Run], outcome: Outcome) -> Run | None:
    """Return the run an outcome is of: the one it names, else the next without an answer. None when it has one.

    Clients that count runs from 1 name one too many with the last: it falls to the one left over.
    """
    named = next((run for run in runs if run.number == outcome.number), None)
    if named is not None:
        return named if named.answered_at is None else None
    return next((run for run in runs if run.answered_at is None), None)


def _fill(run: Run, outcome: Outcome, policy: ProjectPolicy, *, is_late: bool) -> None:
    run.ok = outcome.ok
    run.error = redact_text(outcome.error, policy.rules)
    run.duration_ms = outcome.duration_ms
    run.usage = outcome.usage
    run.call_count = outcome.call_count
    run.answered_at = timezone.now()
    run.is_late = is_late
    if outcome.output is not None:
        run.output_bytes = len(outcome.output)
        if policy.capture.outputs:
            redacted = redact_json(outcome.output, policy.rules)
            run.output, run.output_bytes = pack(redacted), len(redacted)
            run.output_preview = redacted[:PREVIEW_BYTES].decode(errors="replace").replace("\x00", "\ufffd")
    if not is_late:
        run.state = Run.State.COMPLETED if outcome.ok else Run.State.FAILED


def _of_event(event_id: int, answer: Answer) -> Answer:
    step = StepAnswer(event_id=event_id, event_type=None, event_name=None, outcomes=answer.outcomes)
    return Answer(steps=[step, *answer.steps] if answer.outcomes else answer.steps)


def _is_step_open(trigger: Trigger, event_id: int) -> bool:
    step = _first(trigger, lambda item: item.get("event_id") == event_id)
    return step is not None and trigger.runs.filter(step=step, state=Run.State.WAITING).exists()


# -- the trigger -------------------------------------------------------------------------------------------------------


def _advance(trigger: Trigger, runs: list[Run]) -> None:
    """Bring a live trigger on: running, or to its end with the last run."""
    _set_running(trigger)
    if any(run.answered_at is None for run in runs):
        save_trigger(trigger)
        return
    failed = [run for run in runs if not run.ok]
    if not failed:
        finish_trigger(trigger, Trigger.State.COMPLETED, "")
    elif len(runs) == 1:
        finish_trigger(trigger, Trigger.State.FAILED, failed[0].error[:500])
    else:
        finish_trigger(trigger, Trigger.State.FAILED, f"{len(failed)} of {len(runs)} runs failed.")


def _set_running(trigger: Trigger) -> None:
    now = timezone.now()
    trigger.state = Trigger.State.RUNNING
    trigger.sent_at = trigger.sent_at or now
    trigger.running_at = trigger.running_at or now
    trigger.detail = ""


def _tell_viewers_after_commit(trigger: Trigger, changed: list[Run]) -> None:
    """Tell the project's people over Socket.IO what came, by number and state (B5, B6.15)."""
    is_portal = trigger.mode == Trigger.Mode.PORTAL
    payload = {"triggerId": trigger.pk, "status": trigger.state, "ok": all(run.ok for run in changed)}
    if is_portal:
        payload["taskId"] = trigger.task_id
    else:
        payload["workflowName"] = trigger.workflow_name
        config = RunConfig.objects.filter(trigger=trigger).values_list("pk", flat=True).first()
        payload["runConfigId"] = None if config is None else str(config)
    event = "portal:result" if is_portal else "workflow:rerun:result"
    project_id = trigger.project_id
    transaction.on_commit(lambda: outbound.tell_viewers(project_id, event, payload), robust=True)
