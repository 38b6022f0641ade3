"""Asking a project's judge about one run, apart from all other checks: it may take a minute, and they take none.

A task a run. Few are asked at a time, and of a project one: whoever comes when there is no room comes again. So a judge
that does not answer delays its own project's questions, and leaves the worker's other threads to everybody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from celery import current_app
from django.core.cache import cache

from reruns.evaluators.judging import LlmJudge
from reruns.judge import TIMEOUT_SECONDS
from reruns.models import JudgeSettings, Run
from reruns.selectors.subjects import SubjectLoader
from reruns.services.checks import judge_safely, list_checks, make_evaluation, store_evaluations
from reruns.services.judges import judge_output

AT_ONCE = 2
"""Of the worker's threads (`up` and Compose run four), those that may wait for judges."""
MOST_WAITS = 60
_LONGEST_WAIT_SECONDS = 60
_KEPT_SECONDS = int(TIMEOUT_SECONDS) + 30
"""How long a place is kept at most: whoever took it and died gives it back so."""
_TASK = "reruns.tasks.judge_run"


class JudgesBusyError(Exception):
    """As many judges are being asked as may be; come again."""


def queue_judging(run_ids: list[int]) -> None:
    """Have runs judged, each by a task of its own; not one that waits already, for an hour at most."""
    for run_id in run_ids:
        if cache.add(_name_waiting(run_id), 1, _LONGEST_WAIT_SECONDS * MOST_WAITS):
            current_app.send_task(_TASK, args=[run_id], retry=False)


def find_wait_seconds(tried: int) -> int:
    """Return when to come again after so many tries: soon at first, then every minute."""
    return int(min(5 * 2**tried, _LONGEST_WAIT_SECONDS))


def judge_run(*, run_id: int) -> int:
    """Ask the judge what the run's checks want to know; return how many answers were stored.

    What was answered before is not asked again: it costs. Takes up to `judge.TIMEOUT_SECONDS` a check. Raises
    `JudgesBusyError`. A run that is gone, and a project without a judge, are nothing to do.
    """
    stored = _judge(run_id)
    cache.delete(_name_waiting(run_id))
    return stored


def _name_waiting(run_id: int) -> str:
    return f"reruns.judging-waits.{run_id}"


def _judge(run_id: int) -> int:
    run = Run.objects.select_related("trigger").filter(pk=run_id, answered_at__isnull=False).first()
    if run is None:
        return 0
    judge = JudgeSettings.objects.filter(pk=run.trigger.project_id).first()
    if judge is None:
        return 0
    known = set(run.evaluations.values_list("position", flat=True))
    subject = SubjectLoader(run.trigger, [run]).load(run)
    stored = 0
    for place, check in list_checks(run.trigger):
        if place in known or not isinstance(check, LlmJudge):
            continue
        with _take_place(run.trigger.project_id):
            verdict = judge_safely(check, partial(judge_output, check=check, subject=subject, judge=judge))
        store_evaluations(run.trigger_id, [make_evaluation(run, place, verdict)])
        stored += 1
    return stored


@contextmanager
def _take_place(project_id: int) -> Iterator[None]:
    """Hold a place among those that ask, and the project's own. Raises `JudgesBusyError`."""
    own = f"reruns.judging.{project_id}"
    taken: list[str] = []
    try:
        if cache.add(own, 1, _KEPT_SECONDS):
            taken.append(own)
            free = (name for name in (f"reruns.judging-place.{n}" for n in range(AT_ONCE)))
            place = next((name for name in free if cache.add(name, 1, _KEPT_SECONDS)), None)
            if place is not None:
                taken.append(place)
        if len(taken) < 2:
            raise JudgesBusyError
        yield
    finally:
        cache.delete_many(taken)
