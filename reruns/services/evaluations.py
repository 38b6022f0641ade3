"""Checking results, after the commit that stored them.

1. The transaction that stores an answer queues a task, by run numbers, for after its commit.
2. The task reads, asks, and writes what it found under the trigger's lock; done twice, it replaces what is there.
3. Events of a run may come after its answer: what looks at them is checked once more, `EVENTS_SETTLE` later.
4. What looks at the other runs waits until all of a step's runs have answered, or the trigger is over.
5. A judge is asked by a task of its own a run (`services/judging`).
6. The sweep finds runs with an answer and without all their results: a message was lost.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from django.db.models import Count, F, IntegerField, Q
from django.db.models.expressions import Func
from django.utils import timezone

from observability.errors import InvalidError
from reruns.evaluators import parse_check
from reruns.evaluators.check import Check
from reruns.evaluators.judging import LlmJudge
from reruns.evaluators.subject import Subject, Verdict, broken, judge_output_first
from reruns.models import Evaluation, JudgeSettings, Run, Trigger
from reruns.selectors.subjects import SubjectLoader
from reruns.services.checks import judge_safely, list_checks, make_evaluation, store_evaluations
from reruns.services.judging import queue_judging

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
    transaction.on_commit(partial(_queue, trigger, numbers), robust=True)


def evaluate_ended(trigger: Trigger) -> None:
    """Have what waited for runs that will not answer any more checked, after the commit that ended the trigger."""
    if any(isinstance(check, Check) and check.needs_others for _, check in list_checks(trigger)):
        evaluate_after_commit(trigger, list(trigger.runs.filter(answered_at__isnull=False)))


def evaluate_runs(*, run_ids: list[int], is_again: bool = False) -> int:
    """Check answered runs and store what was found; return how many results were. Idempotent.

    `is_again` checks only what looks at a run's events. Runs that are gone or not answered are left out. Judges are
    left to `judging`, unless there is nothing to ask.
    """
    stored = 0
    found = Run.objects.filter(pk__in=run_ids, answered_at__isnull=False)
    for trigger in Trigger.objects.filter(pk__in=found.values("trigger")):
        results = _Evaluation(trigger, set(run_ids), is_again=is_again).run()
        stored += len(results)
        if results:
            store_evaluations(trigger.pk, results)
    return stored


def sweep_evaluations() -> int:
    """Check what a lost message left unchecked; return how many results were stored."""
    now = timezone.now()
    answered = Run.objects.filter(answered_at__range=(now - _SWEEP_UNTIL, now - _SWEEP_AFTER))
    wanted = Func(F("trigger__evaluations"), function="jsonb_array_length", output_field=IntegerField())
    counted = answered.exclude(trigger__evaluations=[]).annotate(found=Count("evaluations"), wanted=wanted)
    # While a trigger is live, some checks wait for its other runs.
    missed = counted.filter(Q(found=0) | Q(found__lt=F("wanted")) & ~Q(trigger__state__in=Trigger.LIVE_STATES))
    run_ids = list(missed.order_by("pk").values_list("pk", flat=True)[:_MOST_SWEPT])
    stored = evaluate_runs(run_ids=run_ids)
    queue_judging(_list_unjudged(run_ids))
    return stored


def _queue(trigger: Trigger, run_ids: list[int]) -> None:
    current_app.send_task(_TASK, args=[run_ids], retry=False)
    checks = [check for _, check in list_checks(trigger)]
    if any(isinstance(check, LlmJudge) for check in checks):
        queue_judging(run_ids)
    if any(isinstance(check, Check) and check.needs_events for check in checks):
        seconds = EVENTS_SETTLE.total_seconds()
        current_app.send_task(_TASK, args=[run_ids], kwargs={"is_again": True}, countdown=seconds, retry=False)


def _list_unjudged(run_ids: list[int]) -> list[int]:
    unjudged = []
    for run in Run.objects.filter(pk__in=run_ids).select_related("trigger").prefetch_related("evaluations"):
        judged = {item.position for item in run.evaluations.all()}
        if any(isinstance(check, LlmJudge) and place not in judged for place, check in list_checks(run.trigger)):
            unjudged.append(run.pk)
    return unjudged


class _Evaluation:
    """One pass over a trigger's answered runs: those that were named, and those that are looked at beside them."""

    def __init__(self, trigger: Trigger, wanted: set[int], *, is_again: bool) -> None:
        self._wanted = wanted
        self._is_again = is_again
        # Outputs are read one by one, as they are looked at.
        every = list(trigger.runs.defer("output"))
        self._runs = [run for run in every if run.answered_at is not None]
        waiting = {run.step for run in every if run.answered_at is None} if trigger.is_live else set()
        self._steps = {run.step for run in self._runs if run.pk in wanted}
        self._whole_steps = self._steps - waiting
        self._checks = list_checks(trigger)
        self._has_judge = JudgeSettings.objects.filter(pk=trigger.project_id).exists()
        self._loader = SubjectLoader(trigger, every, checks=[check for _, check in self._checks])
        for run in self._runs:
            run.trigger = trigger

    def run(self) -> list[Evaluation]:
        results = []
        for run in self._runs:
            due = [(place, check) for place, check in self._checks if self._is_due(check, run)]
            if due:
                subject = self._loader.load(run)
                found = ((place, self._look(check, subject)) for place, check in due)
                results += [make_evaluation(run, place, verdict) for place, verdict in found if verdict is not None]
        return results

    def _is_due(self, check: Check | str, run: Run) -> bool:
        is_wanted = run.pk in self._wanted
        if isinstance(check, str):
            return is_wanted and not self._is_again
        if self._is_again:
            return is_wanted and check.needs_events
        return run.step in self._whole_steps if check.needs_others else is_wanted

    def _look(self, check: Check | str, subject: Subject) -> Verdict | None:
        """Return what a check says, None for a judge that is to be asked."""
        if isinstance(check, str):
            return broken(f"The check cannot be read: {check}")
        if isinstance(check, LlmJudge) and self._has_judge:
            return judge_output_first(subject)
        return judge_safely(check, partial(check.evaluate, subject))
