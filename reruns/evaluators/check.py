"""What every evaluation has in common: how many runs must pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import msgspec

from reruns.evaluators.subject import Status, Subject, Verdict

Threshold = Literal["all", "majority", "any"]


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """One thing to check of every run. Field names are the SDK's (contract B1.7)."""

    pass_threshold: Threshold = msgspec.field(default="all")

    needs_events: ClassVar[bool] = False
    """Whether it looks at the run's own calls, whose events may arrive after its answer. Calls answered from a
    recording or by a mock are among them, and spent nothing.
    """
    needs_others: ClassVar[bool] = False
    """Whether it looks at the other runs of the step: then it waits for them."""

    def evaluate(self, subject: Subject) -> Verdict:
        """Return what this says of one run. Pure."""
        raise NotImplementedError


def find_outcome(statuses: Sequence[str], threshold: Threshold, *, expected: int) -> str:
    """Return what a check says of all its runs: `passed`, `failed`, `skipped`, `error` or `waiting`.

    Runs that were skipped count for neither side, and a check of which nothing is known is skipped. What can no longer
    change is said before the last run has answered.
    """
    passed, failed = statuses.count(Status.PASSED), statuses.count(Status.FAILED) + statuses.count(Status.ERROR)
    waiting = max(expected - len(statuses), 0)
    counted = passed + failed + waiting
    if not counted:
        return Status.SKIPPED
    needed = {"all": counted, "majority": counted // 2 + 1, "any": 1}[threshold]
    if passed + waiting < needed:
        return Status.ERROR if failed and Status.FAILED not in statuses else Status.FAILED
    if waiting:
        return Status.PASSED if threshold == "any" and passed else "waiting"
    return Status.PASSED
