"""The store: partitioned tables, summaries and rollups, in plain SQL inside the subset that also runs on Citus."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from observability.sql.operations import ChangeStore
from observability.sql.store import CREATE_STORE, DROP_STORE


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0001_initial")]

    operations: ClassVar = [ChangeStore(sql=list(CREATE_STORE), reverse_sql=list(DROP_STORE))]
