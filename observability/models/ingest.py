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
    """One rejected item, or a refused request: a sample. `public_id` is of the key it came with.

    Trace and span ids are what the item said, as far as it could be read.
    """

    pk = models.CompositePrimaryKey("project_id", "id")
    id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    door = models.TextField()
    code = models.TextField()
    reason = models.TextField()
    item_index = models.IntegerField()
    received_at = models.DateTimeField()
    trace_id = models.TextField(null=True)
    span_id = models.TextField(null=True)
    public_id = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "ingest_rejections"

    def __str__(self) -> str:
        return self.reason


class KeyDay(models.Model):
    """Items that came with one key on one day, by what became of them. Codes as in `IngestCount`, and refusals.

    Refusals of a key that may not send (`key_revoked`, ...) are counted at least, not exactly.
    """

    pk = models.CompositePrimaryKey("project_id", "public_id", "day", "code")
    project_id = models.BigIntegerField()
    public_id = models.TextField()
    day = models.DateField()
    code = models.TextField()
    items = models.BigIntegerField()
    last_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "key_days"

    def __str__(self) -> str:
        return f"{self.public_id} {self.code}: {self.items}"
