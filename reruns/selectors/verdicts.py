"""What the checks of many reruns say, for lists."""

from __future__ import annotations

from reruns.models import Trigger
from reruns.selectors.evaluations import find_verdict, sum_up_checks


def find_verdicts(project_id: int, trigger_ids: list[int]) -> dict[int, str | None]:
    """Return by rerun what all its checks say together; reruns without checks are left out. Three queries at most."""
    checked = Trigger.objects.filter(project=project_id, pk__in=trigger_ids).exclude(evaluations=[])
    found = checked.only("pk", "evaluations").prefetch_related("runs__evaluations")
    return {trigger.pk: find_verdict(sum_up_checks(trigger.evaluations, list(trigger.runs.all()))) for trigger in found}
