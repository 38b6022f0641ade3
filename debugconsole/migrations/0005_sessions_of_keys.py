"""Let a session end with the API key that opened it."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.models import deletion


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("debugconsole", "0004_redaction_profiles"),
        ("observability", "0018_vacuum_traces"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            "debugsession",
            "api_key",
            models.ForeignKey(
                blank=True, null=True, on_delete=deletion.CASCADE, related_name="+", to="observability.apikey"
            ),
        ),
    ]
