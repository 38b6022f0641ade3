"""Checking results, after the commit that stored them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reruns.models import Run, Trigger


def evaluate_after_commit(trigger: Trigger, runs: list[Run]) -> None:
    """Have new results checked by what the trigger asks for (`Trigger.evaluations`)."""
