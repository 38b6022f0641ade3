"""Changing a trigger's state: under a lock of its row, with a new version, and viewers told after the commit."""

from __future__ import annotations

from django.utils import timezone

from observability.errors import NotFoundError
from reruns.models import Run, Trigger
from reruns.services.announce import announce_after_commit


def lock_trigger(trigger_id: int, *, project_id: int | None = None) -> Trigger:
    """Return a trigger under its lock, within a transaction. Raises `NotFoundError`, also for another project's."""
    found = Trigger.objects.select_for_update().filter(pk=trigger_id)
    if project_id is not None:
        found = found.filter(project=project_id)
    trigger = found.first()
    if trigger is None:
        raise NotFoundError("No such rerun.")
    return trigger


def finish_trigger(trigger: Trigger, state: str, detail: str) -> None:
    """Bring a locked trigger to a final state, its waiting runs with it, and tell viewers after the commit."""
    trigger.state = state
    trigger.detail = detail
    trigger.finished_at = timezone.now()
    if state in (Trigger.State.EXPIRED, Trigger.State.CANCELLED):
        trigger.runs.filter(state=Run.State.WAITING).update(state=state)
    save_trigger(trigger)


def save_trigger(trigger: Trigger) -> None:
    """Store a locked trigger with a new version, and tell viewers after the commit."""
    trigger.version += 1
    trigger.save()
    announce_after_commit(trigger)
