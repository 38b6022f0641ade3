"""Checking results, after the commit that stored them.

1. The transaction that stores an answer queues a task, by run numbers, for after its commit.
2. The task reads, asks, and writes what it found under the trigger's lock; done twice, it replaces what is there.
3. Events of a run may come after its answer: what looks at them is checked once more, `EVENTS_SETTLE` later. What
   looks at the other runs is checked for all of a step's runs whenever one more has answered.
4. The sweep finds runs with an answer and without a result: their message was lost.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from django.utils import timezone

from observability.errors import InvalidError
from reruns.evaluators import parse_check
from reruns.evaluators.check import Check
from reruns.evaluators.judging import LlmJudge
from reruns.evaluators.subject import Subject, Verdict, broken
from reruns.models import Evaluation, JudgeSettings, Run, Trigger
from reruns.selectors.subjects import SubjectLoader
from reruns.services.judges import judge_output
from reruns.services.transitions import lock_trigger, save_trigger

log = structlog.get_logger(__name__)

MOST_CHECKS = 20
EVENTS_SETTLE = timedelta(seconds=10)
_SWEEP_AFTER, _SWEEP_UNTIL = timedelta(minutes=2), timedelta(days=1)
_MOST_SWEPT = 200
_TASK = "reruns.tasks.evaluate_runs"


def check_evaluations(evaluations: Any) -> None:
    """Raise `InvalidError` naming the first check, and its field, that cannot be used."""
    if not isinstance(evaluations, list) or len(evaluations) > MOST_CHECKS:
        raise InvalidError(f"evaluations: a list of at most {MOST_CHECKS} objects is expected, each with a type")
    for index, config in enumerate(evaluations):
        try:
            parse_check(config)
        except ValueError as error:
            raise InvalidError(f"evaluations[{index}]: {error}") from error


def evaluate_after_commit(trigger: Trigger, runs: list[Run]) -> None:
    """Have new results checked by what the trigger asks for (`Trigger.evaluations`)."""
    if not trigger.evaluations or not runs:
        return
    numbers = [run.pk for run in runs]
    transaction.on_commit(lambda: _queue(trigger, numbers), robust=True)


def evaluate_runs(*, run_ids: list[int], is_again: bool = False) -> int:
    """Check answered runs and store what was found; return how many results were. Idempotent.

    `is_again` checks only what looks at a run's events. Runs that are gone or not answered are left out.
    """
    stored = 0
    found = Run.objects.filter(pk__in=run_ids, answered_at__isnull=False)
    for trigger in Trigger.objects.filter(pk__in=found.values("trigger")):
        runs = list(trigger.runs.filter(answered_at__isnull=False))
        results = _evaluate(trigger, runs, set(run_ids), is_again=is_again)
        stored += len(results)
        if results:
            _store(trigger.pk, results)
    return stored


def sweep_evaluations() -> int:
    """Check what a lost message left unchecked; return how many results were stored."""
    now = timezone.now()
    answered = Run.objects.filter(answered_at__range=(now - _SWEEP_UNTIL, now - _SWEEP_AFTER), evaluations=None)
    missed = answered.exclude(trigger__evaluations=[]).order_by("pk").values_list("pk", flat=True)[:_MOST_SWEPT]
    return evaluate_runs(run_ids=list(missed))


def _queue(trigger: Trigger, run_ids: list[int]) -> None:
    current_app.send_task(_TASK, args=[run_ids], retry=False)
    if any(check.needs_events for check in _parse(trigger) if isinstance(check, Check)):
        seconds = EVENTS_SETTLE.total_seconds()
        current_app.send_task(_TASK, args=[run_ids], kwargs={"is_again": True}, countdown=seconds, retry=False)


def _parse(trigger: Trigger) -> list[Check | str]:
    """Return the checks in order; for one that an earlier release took and this does not, what is wrong with it."""
    parsed: list[Check | str] = []
    for config in trigger.evaluations:
        try:
            parsed.append(parse_check(config))
        except ValueError as error:
            parsed.append(str(error))
    return parsed


def _evaluate(trigger: Trigger, runs: list[Run], wanted: set[int], *, is_again: bool) -> list[Evaluation]:
    loader = SubjectLoader(trigger, runs)
    judge = JudgeSettings.objects.filter(pk=trigger.project_id).first()
    steps = {run.step for run in runs if run.pk in wanted}
    checks = list(enumerate(_parse(trigger)))
    results = []
    for run in runs:
        chosen = [
            (place, check) for place, check in checks if _is_due(check, is_wanted=run.pk in wanted, is_again=is_again)
        ]
        if run.step not in steps or not chosen:
            continue
        subject = loader.load(run)
        for place, check in chosen:
            verdict = _judge(check, subject, judge)
            kind = str(trigger.evaluations[place].get("type", ""))[:40]
            results.append(
                Evaluation(
                    run=run,
                    position=place,
                    type=kind,
                    status=verdict.status,
                    reason=verdict.reason.replace("\x00", "\ufffd"),
                    evidence=_clean(verdict.evidence),
                    evaluated_at=timezone.now(),
                )
            )
    return results


def _is_due(check: Check | str, *, is_wanted: bool, is_again: bool) -> bool:
    if isinstance(check, str):
        return is_wanted and not is_again
    if is_again:
        return is_wanted and check.needs_events
    return is_wanted or check.needs_others


def _judge(check: Check | str, subject: Subject, judge: JudgeSettings | None) -> Verdict:
    """Return what a check says; one that goes wrong harms no other."""
    if isinstance(check, str):
        return broken(f"The check cannot be read: {check}")
    try:
        if isinstance(check, LlmJudge):
            return judge_output(check=check, subject=subject, judge=judge)
        return check.evaluate(subject)
    except Exception as error:
        log.exception("evaluation.failed", check=type(check).__name__)
        return broken(f"The check went wrong: {type(error).__name__}.")


def _store(trigger_id: int, results: list[Evaluation]) -> None:
    with transaction.atomic():
        trigger = lock_trigger(trigger_id)
        Evaluation.objects.bulk_create(
            results,
            update_conflicts=True,
            unique_fields=["run", "position"],
            update_fields=["type", "status", "reason", "evidence", "evaluated_at"],
        )
        save_trigger(trigger)


def _clean(value: Any) -> Any:
    """Return JSON without NUL, which Postgres does not store."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value
