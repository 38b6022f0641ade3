"""Let a session be paused and sampled from anywhere: what is asked for is kept with it."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("debugconsole", "0002_seal_audit")]

    operations: ClassVar = [
        migrations.AddField("debugsession", "is_paused", models.BooleanField(default=False)),
        migrations.AddField("debugsession", "sample", models.FloatField(default=1.0)),
    ]
