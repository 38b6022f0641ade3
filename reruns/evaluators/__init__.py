"""Evaluations of a run's result: one module a family, pure functions of what is known of the run."""

from __future__ import annotations

from typing import Any

import msgspec

from reruns.evaluators.budgets import CostBudget, LatencyBudget, TokenBudget
from reruns.evaluators.calls import ToolCalled
from reruns.evaluators.check import Check
from reruns.evaluators.judging import LlmJudge
from reruns.evaluators.sameness import Determinism, SameAsOriginal
from reruns.evaluators.schemas import OutputSchema
from reruns.evaluators.texts import OutputContains, OutputNotContains, Regex

CHECKS: dict[str, type[Check]] = {
    str(check.__struct_config__.tag): check
    for check in (
        SameAsOriginal,
        OutputContains,
        OutputNotContains,
        Regex,
        OutputSchema,
        LatencyBudget,
        TokenBudget,
        CostBudget,
        ToolCalled,
        Determinism,
        LlmJudge,
    )
}

_FIELD_FIRST = ("Object missing required field `", "Object contains unknown field `")


def parse_check(config: Any) -> Check:
    """Return the check that a config asks for. Raises ValueError naming the field at fault."""
    if not isinstance(config, dict):
        raise ValueError("an object with a type is expected")
    kind = CHECKS.get(config["type"]) if isinstance(config.get("type"), str) else None
    if kind is None:
        raise ValueError(f"type: choose from {', '.join(CHECKS)}")
    try:
        return msgspec.convert(config, kind)
    except msgspec.ValidationError as error:
        raise ValueError(_spell(str(error))) from error


def _spell(message: str) -> str:
    """Put the field first: `Expected `int` - at `$.max_tokens`` becomes `max_tokens: expected `int``."""
    for words in _FIELD_FIRST:
        if message.startswith(words):
            field = message.split("`")[1]
            return f"{field}: {'is missing' if 'missing' in words else 'there is no such field'}"
    said, _, place = message.partition(" - at `$")
    field = place.strip("`").lstrip(".")
    said = said[:1].lower() + said[1:] if field else said
    return f"{field}: {said}" if field else said
