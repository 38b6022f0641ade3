"""Group errors: each failed event carries a fingerprint, and what a fingerprint stands for is kept once."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from observability.sql.operations import ChangeStore

ERROR_GROUPS = """
CREATE TABLE error_groups (
    project_id bigint NOT NULL,
    fingerprint text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (project_id, fingerprint)
)
"""
# All errors of a stretch of time are counted from the index alone, without reading rows.
EVENTS_ERRORS = """
CREATE INDEX events_errors ON events (project_id, started_at DESC) INCLUDE (error_fingerprint, trace_id)
WHERE status = 'error'
"""
EVENTS_ERRORS_BEFORE = "CREATE INDEX events_errors ON events (project_id, started_at DESC) WHERE status = 'error'"
# The occurrences of one error, newest first; its first one; the traces it hit.
EVENTS_BY_FINGERPRINT = """
CREATE INDEX events_by_fingerprint ON events (project_id, error_fingerprint, started_at DESC, id DESC)
INCLUDE (trace_id) WHERE error_fingerprint IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0008_invitations_and_deletions")]

    operations: ClassVar = [
        ChangeStore(
            sql=[
                "ALTER TABLE events ADD COLUMN error_fingerprint text",
                "DROP INDEX events_errors",
                EVENTS_ERRORS,
                EVENTS_BY_FINGERPRINT,
                ERROR_GROUPS,
            ],
            reverse_sql=[
                "DROP TABLE error_groups",
                "DROP INDEX events_by_fingerprint",
                "DROP INDEX events_errors",
                EVENTS_ERRORS_BEFORE,
                "ALTER TABLE events DROP COLUMN error_fingerprint",
            ],
        ),
        migrations.AddField("event", "error_fingerprint", models.TextField(null=True)),
        migrations.CreateModel(
            name="ErrorGroup",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "project_id",
                        "fingerprint",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("project_id", models.BigIntegerField()),
                ("fingerprint", models.TextField()),
                ("kind", models.TextField()),
                ("name", models.TextField()),
                ("message", models.TextField()),
            ],
            options={"db_table": "error_groups", "managed": False},
        ),
    ]
