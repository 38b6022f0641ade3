"""What the doors did: counts by cause, and samples of what was rejected."""

from __future__ import annotations

from django.db import models


class IngestCount(models.Model):
    """Items of one project, door and hour, by what became of them. `code` is `accepted`, `duplicate` or a cause."""

    pk = models.CompositePrimaryKey("project_id", "door", "hour", "code")
    project_id = models.BigIntegerField()
    door = models.TextField()
    hour = models.DateTimeField()
    code = models.TextField()
    items = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "ingest_counts"

    def __str__(self) -> str:
        return f"{self.door} {self.code}: {self.items}"


class IngestRejection(models.Model):
    """One rejected item, a sample: the newest thousand of each project are kept."""

    pk = models.CompositePrimaryKey("project_id", "id")
    id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    door = models.TextField()
    code = models.TextField()
    reason = models.TextField()
    item_index = models.IntegerField()
    received_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ingest_rejections"

    def __str__(self) -> str:
        return self.reason
