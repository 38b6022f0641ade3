"""What is remembered of whole days, so that nobody counts their traces again."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class TraceDay(models.Model):
    """How many visible traces of a project started on a UTC day, reruns left out; exact, or not there.

    Three tables of parallel arrays: by hour and status; by `facets_hash`, each with the start of a trace that has it;
    and by user and status. `hours` is None where nothing is remembered, the others too where a day has so many
    different values that counting them again costs no more. `size` is how many counts there are.

    The row is also the lock of its day: `services/day_counts.py` says how that keeps it exact. Whoever changes what
    `facets_hash` is made of empties this table.
    """

    pk = models.CompositePrimaryKey("project_id", "day")
    project_id = models.BigIntegerField()
    day = models.DateField()
    size = models.IntegerField(default=0)
    hours = ArrayField(models.DateTimeField(), null=True)
    hour_statuses = ArrayField(models.TextField(), null=True)
    hour_traces = ArrayField(models.IntegerField(), null=True)
    facet_hashes = ArrayField(models.BigIntegerField(), null=True)
    facet_latest = ArrayField(models.DateTimeField(), null=True)
    facet_traces = ArrayField(models.IntegerField(), null=True)
    user_ids = ArrayField(models.TextField(), null=True)
    user_statuses = ArrayField(models.TextField(), null=True)
    user_traces = ArrayField(models.IntegerField(), null=True)

    class Meta:
        managed = False
        db_table = "trace_days"

    def __str__(self) -> str:
        return f"{self.day}"
