"""Give the errors that are stored already their fingerprints, a batch per transaction."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, transaction

from observability.ingest.fingerprints import fingerprint_error

BATCH = 2_000
FIND = """
SELECT project_id, trace_id, started_at, span_id, kind, name, coalesce(error_message, error_type, '')
FROM events WHERE status = 'error' AND error_fingerprint IS NULL LIMIT %s
"""
STORE_GROUPS = """
INSERT INTO error_groups (project_id, fingerprint, kind, name, message) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
STORE = """
UPDATE events SET error_fingerprint = %s
WHERE project_id = %s AND trace_id = %s AND started_at = %s AND span_id = %s
"""


def fingerprint_batch(connection: Any) -> int:
    """Do one batch and return how many there were."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FIND, [BATCH])
        rows = cursor.fetchall()
        found = [(row, *fingerprint_error(row[4], row[5], row[6])) for row in rows]
        cursor.executemany(STORE_GROUPS, [(row[0], digest, row[4], row[5], text) for row, digest, text in found])
        cursor.executemany(STORE, [(digest, *row[:4]) for row, digest, _ in found])
    return len(rows)


def fingerprint_all(apps: Any, schema_editor: Any) -> None:
    """Go on until none is left."""
    while fingerprint_batch(schema_editor.connection) == BATCH:
        pass


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("observability", "0009_error_fingerprints")]

    operations: ClassVar = [migrations.RunPython(fingerprint_all, migrations.RunPython.noop)]
