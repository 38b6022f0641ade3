"""Let a rejection name the trace and the key it came with, and count by key and day what became of its items."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from observability.sql.operations import ChangeStore

# "Where is my trace?" asks by id; most rejections could be read far enough to have one.
REJECTIONS_BY_TRACE = (
    "CREATE INDEX ingest_rejections_by_trace ON ingest_rejections (project_id, trace_id) WHERE trace_id IS NOT NULL"
)
KEY_DAYS = """
CREATE TABLE key_days (
    project_id bigint NOT NULL,
    public_id text NOT NULL,
    day date NOT NULL,
    code text NOT NULL,
    items bigint NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, public_id, day, code)
) WITH (fillfactor = 70)
"""
COLUMNS = ("trace_id", "span_id", "public_id")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0006_saved_views")]

    operations: ClassVar = [
        ChangeStore(
            sql=[
                "ALTER TABLE ingest_rejections " + ", ".join(f"ADD COLUMN {name} text" for name in COLUMNS),
                REJECTIONS_BY_TRACE,
                KEY_DAYS,
            ],
            reverse_sql=[
                "DROP TABLE key_days",
                "DROP INDEX ingest_rejections_by_trace",
                "ALTER TABLE ingest_rejections " + ", ".join(f"DROP COLUMN {name}" for name in COLUMNS),
            ],
        ),
        *(migrations.AddField("ingestrejection", name, models.TextField(null=True)) for name in COLUMNS),
        migrations.CreateModel(
            name="KeyDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "project_id",
                        "public_id",
                        "day",
                        "code",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("project_id", models.BigIntegerField()),
                ("public_id", models.TextField()),
                ("day", models.DateField()),
                ("code", models.TextField()),
                ("items", models.BigIntegerField()),
                ("last_at", models.DateTimeField()),
            ],
            options={"db_table": "key_days", "managed": False},
        ),
    ]
