"""How long data is kept, and what retention did."""

from __future__ import annotations

from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

# Tables that every request reads: rather fail, to be run again, than have them all wait behind a long transaction.
LIMIT_LOCK_WAIT = "SET LOCAL lock_timeout = '5s'"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0014_search_segments")]

    operations: ClassVar = [
        migrations.RunSQL(LIMIT_LOCK_WAIT, migrations.RunSQL.noop),
        migrations.AddField(
            "organization",
            "retention_days",
            models.PositiveIntegerField(
                blank=True, help_text="Days that data is kept, on the enterprise plan. Empty: the plan's.", null=True
            ),
        ),
        migrations.AddField(
            "project",
            "retention_days",
            models.PositiveIntegerField(
                blank=True, help_text="Days that data is kept, if fewer than the organization's.", null=True
            ),
        ),
        migrations.AddField(
            "project",
            "is_held",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="Keep everything, whatever its age.",
                verbose_name="legal hold",
            ),
        ),
        migrations.CreateModel(
            name="RetentionRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_dry_run", models.BooleanField(default=False, verbose_name="dry run")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("done_project_id", models.BigIntegerField(default=0, editable=False)),
                ("counts", models.JSONField(blank=True, default=dict)),
                (
                    "dropped",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        blank=True,
                        default=list,
                        help_text="Whole days, by partition.",
                        size=None,
                    ),
                ),
                ("note", models.TextField(blank=True)),
                (
                    "organization",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="retention_runs",
                        to="observability.organization",
                    ),
                ),
            ],
            options={"ordering": ["-created_at", "-id"]},
        ),
        migrations.RunSQL(migrations.RunSQL.noop, LIMIT_LOCK_WAIT),
    ]
