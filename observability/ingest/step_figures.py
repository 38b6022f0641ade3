"""Hourly figures of discovered steps, moved by what a commit changed. Pure.

A workflow's call is a trace, a tool's an event of kind `tool`, a prompt's an `ai` event with a system prompt. Each
figure is a difference of after and before, so repeats and second halves count once. Reruns are no calls: what turns out
to be one after it was counted is taken out again.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

import msgspec

from observability.flags import EventFlag
from observability.ingest.records import Kind, Status
from observability.ingest.rows import EventRow
from observability.ingest.statements import to_datetime
from observability.ingest.summaries import Summary

_HOUR_US = 3_600_000_000
# As plain numbers and texts: members of enumerations cost more than what is done with them.
_RERUN, _ERROR = EventFlag.RERUN.value, Status.ERROR.value
_TOOL, _AI = Kind.TOOL.value, Kind.AI.value
StepKey = tuple[int, str, str]
"""Project, step kind, step key."""


class _Figures(msgspec.Struct):
    calls: int = 0
    events: int = 0
    errors: int = 0
    total_tokens: int = 0
    cost_micros: int = 0
    duration_ms: float = 0.0


class StepFigures:
    """Collects one commit's differences."""

    def __init__(self) -> None:
        self._hours: dict[tuple[StepKey, int], _Figures] = defaultdict(_Figures)
        self._steps: dict[StepKey, tuple[str, str | None, str | None]] = {}

    def move_workflow(self, before: Summary | None, after: Summary) -> None:
        """Count a trace under its workflow; a trace of log records alone is no call."""
        for sign, summary in ((-1, before), (1, after)):
            if summary is None or not summary.event_count or summary.flags & _RERUN:
                continue
            key = (summary.project_id, "workflow", summary.workflow_name)
            self._steps.setdefault(key, (summary.workflow_name, summary.workflow_name, None))
            hour = self._hours[key, summary.started_at_us // _HOUR_US]
            hour.calls += sign
            hour.events += sign * summary.event_count
            hour.errors += sign * (summary.status == _ERROR)
            hour.total_tokens += sign * summary.total_tokens
            hour.cost_micros += sign * (summary.cost_micros or 0)
            hour.duration_ms += sign * (summary.duration_ms or 0.0)

    def move_call(self, before: EventRow | None, after: EventRow | None, workflow_name: str) -> None:
        """Count an event under its tool or prompt, if it has one; None for one that was not, or is no longer."""
        for sign, event in ((-1, before), (1, after)):
            found = None if event is None or event.flags & _RERUN else _find_step(event)
            if event is None or found is None:
                continue
            key, name = found
            self._steps.setdefault(key, (name, workflow_name, event.model))
            hour = self._hours[key, event.started_at_us // _HOUR_US]
            hour.calls += sign
            hour.events += sign
            hour.errors += sign * (event.status == _ERROR)
            hour.total_tokens += sign * (event.total_tokens or 0)
            hour.cost_micros += sign * (event.cost_micros or 0)
            hour.duration_ms += sign * (event.duration_ms or 0.0)

    def list_steps(self) -> list[tuple[int, str, str, str, str | None, str | None]]:
        """Return project, kind, key, name, workflow and model of each step seen, in key order."""
        return [(*key, *facts) for key, facts in sorted(self._steps.items())]

    def list_hours(self) -> list[tuple[int, str, str, datetime, int, int, int, int, int, float]]:
        """Return the differences that are not nothing, in key order."""
        return [
            (*key, to_datetime(hour * _HOUR_US), *msgspec.structs.astuple(figures))
            for (key, hour), figures in sorted(self._hours.items())
            if any(msgspec.structs.astuple(figures))
        ]


def _find_step(event: EventRow) -> tuple[StepKey, str] | None:
    if event.kind == _TOOL:
        name = event.tool_name or event.name
        return (event.project_id, "tool", name), name
    if event.kind == _AI and event.prompt_hash:
        return (event.project_id, "prompt", event.prompt_hash), event.prompt_name or f"prompt {event.prompt_hash[:8]}"
    return None
