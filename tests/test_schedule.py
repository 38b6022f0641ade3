from __future__ import annotations

import pytest
from django.conf import settings
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from config.celery import app


@pytest.mark.django_db(transaction=True)
def test_schedule__beat_starts__knows_every_entry_and_every_task_exists() -> None:
    DatabaseScheduler(app=app)

    app.loader.import_default_modules()
    entries = {entry.name: entry for entry in PeriodicTask.objects.exclude(name__startswith="celery.")}
    assert set(entries) == set(settings.CELERY_BEAT_SCHEDULE)
    assert {entry.task for entry in entries.values()} <= set(app.tasks)
    assert entries["ensure-partitions"].expire_seconds == 3000
