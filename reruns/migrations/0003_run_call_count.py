"""How many calls a run came to, as far as its SDK says."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("reruns", "0002_evaluations")]

    operations: ClassVar = [
        migrations.AddField("run", "call_count", models.PositiveIntegerField(blank=True, null=True)),
    ]
