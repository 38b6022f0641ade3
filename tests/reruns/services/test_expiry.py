"""Reruns are kept as long as the project's data, and no longer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.utils import timezone

from observability.models import Project
from reruns.models import Run, RunConfig, Trigger
from reruns.services import expiry
from reruns.services.expiry import forget_old_reruns
from reruns.services.triggers import cancel_trigger
from tests.reruns.test_state_machine import ask

pytestmark = pytest.mark.usefixtures("trace")


def _make(project: Project, *, days: int, is_over: bool = True) -> Trigger:
    trigger = ask(project)
    if is_over:
        cancel_trigger(trigger=trigger, cancelled_by=None)
    Trigger.objects.filter(pk=trigger.pk).update(created_at=timezone.now() - timedelta(days=days))
    return trigger


def test_forget__older_than_the_project_keeps__go_with_all_that_is_theirs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "BATCH", 2)
    Project.objects.filter(pk=project.pk).update(retention_days=30)
    for _ in range(3):
        _make(project, days=40)
    kept = [_make(project, days=29), _make(project, days=40, is_over=False)]
    before = LogEntry.objects.count()

    assert forget_old_reruns() == 3
    assert forget_old_reruns() == 0
    assert list(Trigger.objects.order_by("pk")) == kept
    assert Run.objects.count() == RunConfig.objects.count() == 2
    assert LogEntry.objects.count() == before


def test_forget__legal_hold__keeps_everything(project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(retention_days=30, is_held=True)
    _make(project, days=4_000)

    assert forget_old_reruns() == 0
