"""Saved views of the trace list, and each person's columns and default view."""

from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# Tables that every request reads: rather fail, to be run again, than have them all wait behind a long transaction.
LIMIT_LOCK_WAIT = "SET LOCAL lock_timeout = '5s'"


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("observability", "0005_purge_begun"),
    ]

    operations: ClassVar = [
        migrations.RunSQL(LIMIT_LOCK_WAIT, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("is_shared", models.BooleanField(default=False, help_text="Everybody in the project sees it.")),
                ("q", models.CharField(blank=True, max_length=1000, verbose_name="query")),
                ("range", models.CharField(blank=True, max_length=10, verbose_name="time range")),
                ("since", models.DateTimeField(blank=True, help_text="Start of a custom range.", null=True)),
                ("until", models.DateTimeField(blank=True, help_text="End of a custom range.", null=True)),
                (
                    "columns",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20),
                        blank=True,
                        default=list,
                        help_text="In order; empty for each person's own.",
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to="observability.project",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="TraceListChoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "columns",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), blank=True, default=list, size=None
                    ),
                ),
                (
                    "default_view",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="observability.savedview",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="observability.project"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="trace_list_choices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                models.F("project"),
                models.F("owner"),
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("deleted_at", None), ("is_shared", False)),
                name="saved_view_private_name",
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                models.F("project"),
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("deleted_at", None), ("is_shared", True)),
                name="saved_view_shared_name",
            ),
        ),
        migrations.AddConstraint(
            model_name="tracelistchoice",
            constraint=models.UniqueConstraint(fields=("user", "project"), name="trace_list_choice_once"),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, LIMIT_LOCK_WAIT),
    ]
