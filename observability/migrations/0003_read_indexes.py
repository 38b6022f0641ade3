"""What reads and the purge need beside the first tables."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from observability.sql.operations import ChangeStore

# Calls of one tool or prompt, newest first. The key is what `ingest/step_figures.py` counts under; other events are
# not in it, which makes it smaller than the index by name that it replaces.
EVENTS_BY_STEP = """
CREATE INDEX events_by_step ON events (
    project_id,
    kind,
    (CASE WHEN kind = 'tool' THEN coalesce(nullif(tool_name, ''), name) ELSE prompt_hash END),
    started_at DESC
) WHERE kind = 'tool' OR prompt_hash IS NOT NULL
"""
EVENTS_BY_NAME = "CREATE INDEX events_by_name ON events (project_id, kind, name, started_at DESC)"
# Pages that no block range sums up yet are all read, so a busy partition's must not wait for its next vacuum.
EVENTS_BY_ID = "CREATE INDEX events_by_id ON events USING brin (id) WITH (pages_per_range = 16, autosummarize = on)"
EVENTS_BY_ID_BEFORE = "CREATE INDEX events_by_id ON events USING brin (id) WITH (pages_per_range = 16)"
# Deleted traces are few: reads of events by step look here whether an event's trace is hidden, the purge for work.
TRACES_DELETED = "CREATE INDEX traces_deleted ON traces (project_id, trace_id) WHERE deleted_at IS NOT NULL"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0002_store_tables")]

    operations: ClassVar = [
        ChangeStore(
            sql=[
                EVENTS_BY_STEP,
                "DROP INDEX events_by_name",
                "DROP INDEX events_by_id",
                EVENTS_BY_ID,
                "ALTER TABLE traces ADD COLUMN purged_at timestamptz",
                TRACES_DELETED,
            ],
            reverse_sql=[
                "DROP INDEX traces_deleted",
                "ALTER TABLE traces DROP COLUMN purged_at",
                "DROP INDEX events_by_id",
                EVENTS_BY_ID_BEFORE,
                EVENTS_BY_NAME,
                "DROP INDEX events_by_step",
            ],
        ),
        migrations.AddField("trace", "purged_at", models.DateTimeField(null=True)),
    ]
