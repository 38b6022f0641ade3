"""Find the rows that name a blob: nearly none do, so these indexes are nearly empty."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from observability.sql.operations import ChangeStore

MAGIC = r"'\x00626c6f62'::bytea"
VALUES = ("input", "output", "attributes", "error_stack", "extra", "replay_input", "replay_output", "replay_extra")

# The sweep of blobs asks which of them are still named.
PAYLOADS_BLOBS = "CREATE INDEX payloads_blobs ON payloads (project_id, trace_id) WHERE " + " OR ".join(
    f"substr({value}, 1, 5) = {MAGIC}" for value in VALUES
)
LOG_RECORDS_BLOBS = (
    f"CREATE INDEX log_records_blobs ON log_records (project_id, trace_id) WHERE substr(fields, 1, 5) = {MAGIC}"
)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0003_read_indexes")]

    operations: ClassVar = [
        ChangeStore(
            sql=[PAYLOADS_BLOBS, LOG_RECORDS_BLOBS],
            reverse_sql=["DROP INDEX log_records_blobs", "DROP INDEX payloads_blobs"],
        ),
    ]
