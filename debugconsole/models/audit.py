"""Who watched what, and who let them: rows that can only be added, each sealed with the one before."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class DebugAudit(models.Model):
    """One thing that was done or refused. The database refuses to change or delete a row.

    It names people, tenants and extensions by number and text, not by reference: it outlives what it tells of.
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=254, blank=True)
    action = models.CharField(max_length=40)
    organization_id = models.BigIntegerField(null=True)
    extension_id = models.BigIntegerField(null=True)
    target = models.CharField(max_length=300)
    session_id = models.UUIDField(null=True)
    detail = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "debug_audit"
        verbose_name = "debug audit row"
        ordering: ClassVar = ["-seq"]
        indexes: ClassVar = [
            # How often somebody asked in the last minute, and what they did.
            models.Index(fields=["actor_id", "-at"], name="debug_audit_of_person"),
            models.Index(fields=["organization_id", "-at"], name="debug_audit_of_organization"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"


class DebugAuditHead(models.Model):
    """The one row that knows the last of the audit: who adds one locks it, and rows missing at the end show."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "debug_audit_head"

    def __str__(self) -> str:
        return f"{self.seq}"
