"""Remember of whole days how many traces they have, for facets and bars (docs/adr/0011)."""

from __future__ import annotations

from typing import ClassVar

import django.contrib.postgres.fields
from django.db import migrations, models

from observability.sql.operations import ChangeStore

# A row without counts is there to be locked: by those who change a trace of the day, and by those who count it.
TRACE_DAYS = """
CREATE TABLE trace_days (
    project_id bigint NOT NULL,
    day date NOT NULL,
    size integer NOT NULL DEFAULT 0,
    hours timestamptz[],
    hour_statuses text[],
    hour_traces integer[],
    facet_hashes bigint[],
    facet_latest timestamptz[],
    facet_traces integer[],
    user_ids text[],
    user_statuses text[],
    user_traces integer[],
    PRIMARY KEY (project_id, day)
)
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0018_vacuum_traces")]

    operations: ClassVar = [
        ChangeStore(sql=[TRACE_DAYS], reverse_sql=["DROP TABLE trace_days"]),
        migrations.CreateModel(
            name="TraceDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "project_id", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("project_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("size", models.IntegerField(default=0)),
                *(
                    (name, django.contrib.postgres.fields.ArrayField(base_field=field, null=True, size=None))
                    for name, field in (
                        ("hours", models.DateTimeField()),
                        ("hour_statuses", models.TextField()),
                        ("hour_traces", models.IntegerField()),
                        ("facet_hashes", models.BigIntegerField()),
                        ("facet_latest", models.DateTimeField()),
                        ("facet_traces", models.IntegerField()),
                        ("user_ids", models.TextField()),
                        ("user_statuses", models.TextField()),
                        ("user_traces", models.IntegerField()),
                    )
                ),
            ],
            options={"db_table": "trace_days", "managed": False},
        ),
    ]
