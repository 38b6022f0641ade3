"""Let a rule say how much is hidden of the lines it lets people see."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("debugconsole", "0003_steer_sessions")]

    operations: ClassVar = [
        migrations.AddField(
            "debugpolicy",
            "redaction_profile",
            models.CharField(
                choices=[("standard", "Standard"), ("strict", "Strict")],
                default="standard",
                help_text="Standard hides secrets; strict hides e-mail and IP addresses, too.",
                max_length=8,
                verbose_name="redaction",
            ),
        ),
        migrations.AddField("debugsession", "redaction_profile", models.CharField(default="standard", max_length=8)),
    ]
