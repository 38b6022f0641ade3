"""Which trace a run became, for events that came by an ordinary door with the run's id (B6.17)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db import transaction

from reruns.models import Run, RunConfig
from reruns.services.results import mark_running
from reruns.services.transitions import lock_trigger, save_trigger

MOST_LINKS = 100
"""Of one request. It holds the events of a process, which runs one thing after the other."""


def link_runs(*, project_id: int, traces: Iterable[tuple[str, str]]) -> int:
    """Remember for each run id the trace that its events are stored under; return how many were new. Idempotent.

    Ids that name no run of the project are nobody's, and are left alone: their events are stored as a rerun's all the
    same.
    """
    return sum(_link(project_id, run_id, trace_id) for run_id, trace_id in sorted(set(traces))[:MOST_LINKS])


def choose_run(runs: list[Run], number: int | None) -> Run:
    """Return the run that is named, else the first without an answer: SDKs run one after the other. Else the last."""
    named = next((run for run in runs if run.number == number), None)
    return named or next((run for run in runs if run.answered_at is None), runs[-1])


def _link(project_id: int, run_id: str, trace_id: str) -> bool:
    config = _find_config(project_id, run_id)
    if config is None or config.trigger_id is None:
        return False
    mark_running(trigger_id=config.trigger_id)
    with transaction.atomic():
        trigger = lock_trigger(config.trigger_id)
        runs = list(trigger.runs.order_by("number"))
        if any(run.trace_id == trace_id for run in runs):
            return False
        run = choose_run([run for run in runs if not run.trace_id] or runs, None)
        if run.trace_id:
            return False
        run.trace_id = trace_id
        run.save(update_fields=["trace_id"])
        save_trigger(trigger)
    return True


def _find_config(project_id: int, run_id: str) -> RunConfig | None:
    try:
        found = uuid.UUID(run_id)
    except ValueError:
        return None
    return RunConfig.objects.filter(project=project_id, pk=found).first()
