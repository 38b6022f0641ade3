"""The beginning of an output beside it, so that what lists runs reads no large value."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("reruns", "0003_run_call_count")]

    operations: ClassVar = [
        migrations.AddField("run", "output_preview", models.TextField(blank=True, default=""), preserve_default=False),
    ]
