from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

# Tables that every request reads: rather fail, to be run again, than have them all wait behind a long transaction.
LIMIT_LOCK_WAIT = "SET LOCAL lock_timeout = '5s'"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0010_fingerprint_stored_errors")]

    operations: ClassVar = [
        migrations.RunSQL(LIMIT_LOCK_WAIT, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="user",
            name="shortcuts",
            field=models.CharField(
                choices=[("on", "On"), ("off", "Off")],
                db_default="on",
                default="on",
                max_length=3,
                verbose_name="single-key shortcuts",
            ),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, LIMIT_LOCK_WAIT),
    ]
