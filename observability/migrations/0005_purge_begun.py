"""Say of a deleted trace whether its purge has begun: until then it can be restored."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from observability.sql.operations import ChangeStore


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0004_blob_references")]

    operations: ClassVar = [
        ChangeStore(
            sql=["ALTER TABLE traces ADD COLUMN purging_at timestamptz"],
            reverse_sql=["ALTER TABLE traces DROP COLUMN purging_at"],
        ),
        migrations.AddField("trace", "purging_at", models.DateTimeField(null=True)),
    ]
