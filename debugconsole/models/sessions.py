"""One viewer's look at one stream, for a while."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from debugconsole.models.extensions import Extension
from debugconsole.models.policies import DebugGrant
from debugconsole.wire.envelope import EndReason
from debugconsole.wire.profiles import STANDARD
from observability.models import ApiKey, User


class DebugSession(models.Model):
    """Open until `expires_at`, which can be moved to `hard_expires_at` and no further; or ended earlier, and why.

    The counters are of every connection of the session: produced = delivered + filtered + dropped, by cause. They are
    written every few seconds, so a process that is killed costs a few.
    """

    class Transport(models.TextChoices):
        WEBSOCKET = "ws", "WebSocket"
        SSE = "sse", "SSE"
        POLL = "poll", "Long-poll"
        COMPATIBLE = "compat", "Compatible stream"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="debug_sessions")
    # With whose end the session ends, where one acted for the person.
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    extension = models.ForeignKey(Extension, on_delete=models.CASCADE, related_name="debug_sessions")
    install_id = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=400, blank=True)
    filter = models.CharField(max_length=512, blank=True)
    tail = models.PositiveIntegerField(default=200)
    transport = models.CharField(max_length=6, choices=Transport)
    reason = models.CharField(max_length=300, blank=True)
    grant = models.ForeignKey(DebugGrant, on_delete=models.SET_NULL, null=True, blank=True, related_name="sessions")
    policy = models.CharField(max_length=60, help_text="The rule that let it open, and its version.")
    lines_per_second = models.PositiveIntegerField(default=500)
    redaction_profile = models.CharField(max_length=8, default=STANDARD)
    # What the viewer asked for since; the feed may be in another process, which reads it here.
    is_paused = models.BooleanField(default=False)
    sample = models.FloatField(default=1.0)
    created_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    hard_expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, blank=True, choices=[(reason, reason) for reason in EndReason])
    is_attached = models.BooleanField(default=False)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    resumes = models.PositiveIntegerField(default=0)
    produced = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    filtered = models.BigIntegerField(default=0)
    dropped = models.JSONField(default=dict)
    redacted = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    # Of the single-use ticket with which a socket opens.
    ticket_hash = models.CharField(max_length=64, blank=True)
    ticket_expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "debug_sessions"
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            # Who watches what now: open ones are few, ended ones pile up.
            models.Index(fields=["extension", "expires_at"], condition=Q(ended_at=None), name="debug_sessions_open"),
            models.Index(fields=["user", "-created_at"], name="debug_sessions_of_person"),
            # What is old enough to be forgotten.
            models.Index(fields=["ended_at"], name="debug_sessions_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.extension}"

    @property
    def is_open(self) -> bool:
        """Whether it may be looked through, as of now."""
        return self.ended_at is None and self.expires_at > timezone.now()
