"""Let facets be counted from the list's index alone: what a trace adds to them, as one number.

The column is computed by Postgres, so that no writer can forget it. Adding it writes the table anew, under a lock
that ingest and lists wait for: a second for 80,000 traces on two shared cores.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from observability.sql.operations import ChangeStore

# Equal where all of these are. Facets group by it, and read the values themselves off one trace of each group.
ADD_HASH = """
ALTER TABLE traces ADD COLUMN facets_hash bigint NOT NULL GENERATED ALWAYS AS (hash_record_extended(
    ROW(
        status, workflow_name, model_names, environment, service_name, service_version, agent_name, tags, flags, source
    ), 0
)) STORED
"""
# The trace list, newest first, with what lists are counted and narrowed by. Only columns of bounded size: an index
# entry must fit into a third of a page.
TRACES_NEWEST = """
CREATE INDEX traces_newest ON traces (project_id, started_at DESC, trace_id DESC) INCLUDE (
    status, deleted_at, duration_ms, event_count, error_count, total_tokens, cost_micros, unpriced_count, flags,
    facets_hash, user_id
)
"""
TRACES_NEWEST_BEFORE = """
CREATE INDEX traces_newest ON traces (project_id, started_at DESC, trace_id DESC) INCLUDE (
    status, deleted_at, duration_ms, event_count, error_count, total_tokens, cost_micros, unpriced_count, flags
)
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0016_traces_newest_knows_reruns")]

    operations: ClassVar = [
        ChangeStore(
            sql=["DROP INDEX traces_newest", ADD_HASH, TRACES_NEWEST],
            reverse_sql=[
                "DROP INDEX traces_newest",
                "ALTER TABLE traces DROP COLUMN facets_hash",
                TRACES_NEWEST_BEFORE,
            ],
        ),
    ]
