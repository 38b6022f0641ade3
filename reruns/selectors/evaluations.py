"""What was found when results were checked, by run and by check."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from observability.selectors.shapes import Time
from reruns.evaluators import parse_check
from reruns.evaluators.check import Check, find_outcome
from reruns.models import Evaluation, JudgeSettings, Run

_OUTCOME = "`passed`, `failed`, `skipped` (it could not be told), `error` or `waiting`."


class EvaluationItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one check says of one run."""

    position: Annotated[int, Meta(description="Place of the check in `evaluations`.")]
    type: str
    status: Annotated[str, Meta(description="`passed`, `failed`, `skipped` (it could not be told) or `error`.")]
    reason: str
    evidence: dict[str, Any]
    evaluated_at: Time


class CheckOutcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one check says of all runs together, by its threshold."""

    position: int
    type: str
    pass_threshold: Annotated[str, Meta(description="How many runs must pass: `all`, `majority` or `any`.")]
    outcome: Annotated[str, Meta(description=_OUTCOME)]
    passed: int
    failed: int
    skipped: int
    errors: int
    waiting: int
    unanswered: Annotated[int, Meta(description="Runs that ended without an answer; they count as failed.")]


class Judge(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whom `llm-judge` asks. The key is never given back."""

    base_url: str
    model: str
    has_key: bool
    is_set: bool


def describe_evaluation(row: Evaluation) -> EvaluationItem:
    """Return a row as the API shows it."""
    return EvaluationItem(
        position=row.position,
        type=row.type,
        status=row.status,
        reason=row.reason,
        evidence=row.evidence,
        evaluated_at=row.evaluated_at,
    )


def sum_up_checks(configs: list[Any], runs: list[Run]) -> list[CheckOutcome]:
    """Return what each check says of all runs, whose evaluations are loaded already."""
    return [_sum_up(place, config, runs) for place, config in enumerate(configs)]


def find_verdict(outcomes: list[CheckOutcome]) -> str | None:
    """Return what all checks say together: the worst of them; None without any."""
    found = {outcome.outcome for outcome in outcomes}
    return next((one for one in ("failed", "error", "waiting", "passed", "skipped") if one in found), None)


def get_judge(project_id: int) -> Judge:
    """Return whom the project asks. One query, primary key."""
    row = JudgeSettings.objects.filter(pk=project_id).first()
    if row is None:
        return Judge(base_url="", model="", has_key=False, is_set=False)
    return Judge(base_url=row.base_url, model=row.model, has_key=row.encrypted_key is not None, is_set=True)


def _sum_up(place: int, config: Any, runs: list[Run]) -> CheckOutcome:
    check = _read_check(config)
    statuses = [item.status for run in runs for item in run.evaluations.all() if item.position == place]
    unanswered = sum(run.answered_at is None and run.state != Run.State.WAITING for run in runs)
    counted = [*statuses, *["failed"] * unanswered]
    return CheckOutcome(
        position=place,
        type=str(config.get("type", "")) if isinstance(config, dict) else "",
        pass_threshold=check.pass_threshold if check else "all",
        outcome=str(find_outcome(counted, check.pass_threshold if check else "all", expected=len(runs))),
        passed=statuses.count("passed"),
        failed=statuses.count("failed"),
        skipped=statuses.count("skipped"),
        errors=statuses.count("error"),
        waiting=len(runs) - len(counted),
        unanswered=unanswered,
    )


def _read_check(config: Any) -> Check | None:
    try:
        return parse_check(config)
    except ValueError:
        return None
