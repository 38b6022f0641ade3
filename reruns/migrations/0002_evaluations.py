"""What was found when results were checked, and whom a project asks to judge them."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0012_traces_by_user"), ("reruns", "0001_initial")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="JudgeSettings",
            fields=[
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="judge_settings",
                        serialize=False,
                        to="observability.project",
                    ),
                ),
                (
                    "base_url",
                    models.CharField(help_text="Up to and without `/chat/completions`.", max_length=500),
                ),
                ("model", models.CharField(max_length=200)),
                ("encrypted_key", models.BinaryField(blank=True, null=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={"verbose_name_plural": "judge settings", "db_table": "judge_settings"},
        ),
        migrations.CreateModel(
            name="Evaluation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                ("type", models.CharField(max_length=40)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("skipped", "Skipped"),
                            ("error", "Error"),
                        ],
                        max_length=7,
                    ),
                ),
                ("reason", models.TextField()),
                ("evidence", models.JSONField(blank=True, default=dict)),
                ("evaluated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="evaluations", to="reruns.run"
                    ),
                ),
            ],
            options={
                "db_table": "run_evaluations",
                "ordering": ["position"],
                "constraints": [models.UniqueConstraint(fields=("run", "position"), name="run_evaluation_once")],
            },
        ),
    ]
