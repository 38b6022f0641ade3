"""Log records: lines and points in time of a trace."""

from __future__ import annotations

from django.db import models


class LogEntry(models.Model):
    """One line or point in time. Immutable; `record_hash` makes a resend the same row.

    `trace_id` is "" for a log sent outside any trace. `fields` is JSON text as in `payloads`.
    """

    pk = models.CompositePrimaryKey("project_id", "trace_id", "logged_at", "record_hash")
    id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    trace_id = models.TextField()
    logged_at = models.DateTimeField()
    record_hash = models.BinaryField()
    version = models.BigIntegerField()
    span_id = models.TextField(null=True)
    stream = models.TextField()
    level = models.TextField()
    type = models.TextField(null=True)
    node = models.TextField(null=True)
    sequence = models.BigIntegerField(null=True)
    message = models.TextField()
    fields = models.BinaryField(null=True)
    resource_hash = models.BinaryField(null=True)
    flags = models.IntegerField()
    received_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "log_records"

    def __str__(self) -> str:
        return self.message[:80]
