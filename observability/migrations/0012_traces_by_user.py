"""Lead to one person's traces: `user:` walked the whole list, 1.2 s at 770,000 traces."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from observability.sql.operations import ChangeStore

# One user's traces, newest first. Traces without a user are not in it and cost it nothing.
TRACES_BY_USER = (
    "CREATE INDEX traces_by_user ON traces (project_id, user_id, started_at DESC, trace_id DESC) "
    "WHERE user_id IS NOT NULL"
)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0011_shortcuts_can_be_off")]

    operations: ClassVar = [
        ChangeStore(
            sql=[TRACES_BY_USER],
            reverse_sql=["DROP INDEX traces_by_user"],
        ),
    ]
