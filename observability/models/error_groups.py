"""Errors that are the same but for what differs each time."""

from __future__ import annotations

from django.db import models


class ErrorGroup(models.Model):
    """What a fingerprint stands for (`ingest/fingerprints.py`). Never changes; figures are counted from events.

    A group may be left without events: those were deleted, or a later half said that they did not fail.
    """

    pk = models.CompositePrimaryKey("project_id", "fingerprint")
    project_id = models.BigIntegerField()
    fingerprint = models.TextField()
    kind = models.TextField()
    name = models.TextField()
    message = models.TextField()

    class Meta:
        managed = False
        db_table = "error_groups"

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.message}"
