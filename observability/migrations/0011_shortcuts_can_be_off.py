from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0010_fingerprint_stored_errors")]

    operations: ClassVar = [
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
    ]
