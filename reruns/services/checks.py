"""What checking has in common, whoever checks: a trigger's checks, and results as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from reruns.evaluators import parse_check
from reruns.evaluators.check import Check
from reruns.evaluators.subject import Verdict, broken
from reruns.models import Evaluation, Run, Trigger
from reruns.services.transitions import lock_trigger, save_trigger

log = structlog.get_logger(__name__)


def list_checks(trigger: Trigger) -> list[tuple[int, Check | str]]:
    """Return the checks by their places; for one that an earlier release took and this does not, what is wrong."""
    return list(enumerate(_parse(config) for config in trigger.evaluations))


def judge_safely(check: Check, evaluate: Callable[[], Verdict]) -> Verdict:
    """Return what a check says; one that goes wrong harms no other."""
    try:
        return evaluate()
    except Exception as error:
        log.exception("evaluation.failed", check=type(check).__name__)
        return broken(f"The check went wrong: {type(error).__name__}.")


def make_evaluation(run: Run, place: int, verdict: Verdict) -> Evaluation:
    """Return a verdict as a row, without what Postgres does not store."""
    return Evaluation(
        run=run,
        position=place,
        type=str(run.trigger.evaluations[place].get("type", ""))[:40],
        status=verdict.status,
        reason=verdict.reason.replace("\x00", "\ufffd"),
        evidence=_clean(verdict.evidence),
        evaluated_at=timezone.now(),
    )


def store_evaluations(trigger_id: int, results: list[Evaluation]) -> None:
    """Store results, in place of earlier ones, and tell viewers after the commit."""
    with transaction.atomic():
        trigger = lock_trigger(trigger_id)
        Evaluation.objects.bulk_create(
            results,
            update_conflicts=True,
            unique_fields=["run", "position"],
            update_fields=["type", "status", "reason", "evidence", "evaluated_at"],
        )
        save_trigger(trigger)


def _parse(config: Any) -> Check | str:
    try:
        return parse_check(config)
    except ValueError as error:
        return str(error)


def _clean(value: Any) -> Any:
    """Return JSON without NUL, which Postgres does not store."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value
