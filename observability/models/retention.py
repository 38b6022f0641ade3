"""What retention did, run by run."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from observability.models.tenancy import Organization


class RetentionRun(models.Model):
    """One pass over one organization's rows; without an organization, over whole days that nobody keeps any more.

    States: waiting, then running, then finished. `claimed_until` is pushed on with every batch, so that a run whose
    worker died is taken up by another. `counts` are rows by table: removed so far, or in a dry run what would go.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, blank=True, related_name="retention_runs"
    )
    is_dry_run = models.BooleanField("dry run", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    # Projects are gone through by number; those up to here are done.
    done_project_id = models.BigIntegerField(default=0, editable=False)
    dropped = ArrayField(models.TextField(), default=list, blank=True, help_text="Whole days, by partition.")
    note = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.organization or 'Whole days'}, {self.created_at:%Y-%m-%d}"

    @property
    def state(self) -> str:
        """Return `waiting`, `running` or `finished`."""
        if self.finished_at is not None:
            return "finished"
        return "running" if self.started_at is not None else "waiting"

    @property
    def rows(self) -> int:
        """Return how many rows went, of all tables."""
        return sum(self.counts.values())
