"""Let bars, figures and conditions on numbers be read from the list's index alone: rows are ten times as wide."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from observability.sql.operations import ChangeStore

# The trace list, newest first, with the numbers that lists are counted and narrowed by. Only columns of bounded size:
# an index entry must fit into a third of a page.
TRACES_NEWEST = """
CREATE INDEX traces_newest ON traces (project_id, started_at DESC, trace_id DESC)
INCLUDE (status, deleted_at, duration_ms, event_count, error_count, total_tokens, cost_micros, unpriced_count)
"""
TRACES_NEWEST_BEFORE = "CREATE INDEX traces_newest ON traces (project_id, started_at DESC, trace_id DESC)"
# An index answers alone only for pages that a vacuum has seen, and the newest traces are the ones that are read. What
# only grew is vacuumed in no time.
VACUUM_SOON = "ALTER TABLE traces SET (autovacuum_vacuum_insert_scale_factor = 0.02)"
VACUUM_AS_USUAL = "ALTER TABLE traces RESET (autovacuum_vacuum_insert_scale_factor)"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0012_traces_by_user")]

    operations: ClassVar = [
        ChangeStore(
            sql=["DROP INDEX traces_newest", TRACES_NEWEST, VACUUM_SOON],
            reverse_sql=[VACUUM_AS_USUAL, "DROP INDEX traces_newest", TRACES_NEWEST_BEFORE],
        ),
    ]
