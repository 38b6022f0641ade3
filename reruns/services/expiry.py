"""Forgetting reruns that are older than what their project keeps: answers are its data as much as traces are."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from auditlog.context import disable_auditlog
from django.db import transaction

from observability.services.retention import read_cutoffs
from reruns.models import Trigger

BATCH = 200
_MOST_BATCHES = 50
"""Of one call, so that a worker's thread is not kept for long; what is left goes with the next."""


def forget_old_reruns() -> int:
    """Delete reruns, with their runs, results and configs, that are past retention; return how many.

    Those that wait or run stay. A transaction a batch, along `triggers_newest` from its end: numbers rise with time, so
    a batch that is not old to the last ends the search. Not in the audit log, like everything else that ages.
    """
    forgotten = 0
    for project_id, day in read_cutoffs().items():
        while day is not None and forgotten < _MOST_BATCHES * BATCH:
            count = _forget_batch(project_id, day)
            forgotten += count
            if count < BATCH:
                break
    return forgotten


def _forget_batch(project_id: int, first_kept: date) -> int:
    before = datetime.combine(first_kept, time(), tzinfo=UTC)
    ended = Trigger.objects.filter(project=project_id).exclude(state__in=Trigger.LIVE_STATES)
    with transaction.atomic(), disable_auditlog():
        oldest = ended.order_by("pk").values_list("pk", "created_at")[:BATCH]
        ids = [pk for pk, created_at in oldest if created_at < before]
        Trigger.objects.filter(pk__in=ids).delete()
    return len(ids)
