"""Let indexes answer alone again: a table that was written anew has no page that they know to be visible to all."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    # Postgres vacuums in no transaction.
    atomic = False

    dependencies: ClassVar = [("observability", "0017_facets_hash")]

    operations: ClassVar = [migrations.RunSQL("VACUUM (ANALYZE) traces", migrations.RunSQL.noop)]
