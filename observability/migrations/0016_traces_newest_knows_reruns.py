"""Let lists, bars and figures leave reruns out by the list's index alone."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from observability.sql.operations import ChangeStore

# The trace list, newest first, with what lists are counted and narrowed by; flags say which traces are reruns. Only
# columns of bounded size: an index entry must fit into a third of a page.
TRACES_NEWEST = """
CREATE INDEX traces_newest ON traces (project_id, started_at DESC, trace_id DESC) INCLUDE (
    status, deleted_at, duration_ms, event_count, error_count, total_tokens, cost_micros, unpriced_count, flags
)
"""
TRACES_NEWEST_BEFORE = """
CREATE INDEX traces_newest ON traces (project_id, started_at DESC, trace_id DESC)
INCLUDE (status, deleted_at, duration_ms, event_count, error_count, total_tokens, cost_micros, unpriced_count)
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0015_retention")]

    operations: ClassVar = [
        ChangeStore(
            sql=["DROP INDEX traces_newest", TRACES_NEWEST],
            reverse_sql=["DROP INDEX traces_newest", TRACES_NEWEST_BEFORE],
        ),
    ]
