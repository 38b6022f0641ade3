"""How migrations change the store's tables."""

from __future__ import annotations

from typing import Any

from django.db.migrations import RunSQL

# Rather fail, to be run again, than have every request wait behind a long transaction.
LOCK_WAIT = "SET LOCAL lock_timeout = '5s'"
GO_SHARD_BY_SHARD = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'"
HAS_CITUS = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"


def go_shard_by_shard(cursor: Any) -> None:
    """Let the transaction change several distributed tables. Does nothing where Citus is not installed.

    Citus changes shards over several connections at once, and then refuses a second such change in one transaction.
    """
    cursor.execute(HAS_CITUS)
    if cursor.fetchone()[0]:
        cursor.execute(GO_SHARD_BY_SHARD)


class ChangeStore(RunSQL):
    """SQL that changes the store's tables: waits briefly for their locks, and does what Citus needs first."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Change them."""
        _begin(schema_editor)
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Change them back."""
        _begin(schema_editor)
        super().database_backwards(app_label, schema_editor, from_state, to_state)


def _begin(schema_editor: Any) -> None:
    if schema_editor.collect_sql:
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(LOCK_WAIT)
        go_shard_by_shard(cursor)
