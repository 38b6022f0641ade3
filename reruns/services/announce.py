"""Telling viewers that a rerun changed, after the commit that changed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from observability import live

if TYPE_CHECKING:
    from reruns.models import Trigger


def announce_after_commit(trigger: Trigger) -> None:
    """Send a hint with the trigger's number and version once the transaction is committed. A dead Valkey costs it."""
    project_id, trigger_id, version = trigger.project_id, trigger.pk, trigger.version
    transaction.on_commit(
        lambda: live.announce_rerun(project_id=project_id, number=trigger_id, version=version), robust=True
    )
