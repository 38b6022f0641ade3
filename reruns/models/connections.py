"""Who is connected: one row per open socket of an SDK. What a session *sent* is in the store's `sdk_sessions`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from observability.models import ApiKey, Project

LOST_AFTER = timedelta(seconds=45)
"""A web process says every 15 seconds that it still holds its sockets; one that has been silent for longer is gone."""


class SessionClaim(models.Model):
    """A session id belongs to the project that connected with it first: clients choose these ids themselves."""

    session_id = models.CharField(max_length=200, primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "sdk_session_claims"

    def __str__(self) -> str:
        return self.session_id


class SdkConnection(models.Model):
    """One socket. States: open (`is_open`), then closed or lost.

    `last_seen_at` is kept by the web process that holds the socket, not by the SDK's own pings: a dead SDK is noticed
    by the socket's ping timeout, a dead process by its silence (`LOST_AFTER`).
    """

    sid = models.CharField(max_length=40, unique=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="sdk_connections")
    session_id = models.CharField(max_length=200)
    # Which web process holds the socket: the address of its mailbox.
    process = models.CharField(max_length=40)
    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+")
    may_rerun = models.BooleanField(help_text="Its key has the scope `rerun`.")
    tools = ArrayField(models.CharField(max_length=200), default=list)
    workflows = ArrayField(models.CharField(max_length=200), default=list)
    branch = models.CharField(max_length=200, blank=True)
    sdk_version = models.CharField(max_length=60, blank=True)
    address = models.GenericIPAddressField(null=True)
    connected_at = models.DateTimeField(default=timezone.now)
    registered_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    closed_because = models.CharField(max_length=60, blank=True)

    class Meta:
        db_table = "sdk_connections"
        ordering: ClassVar = ["-connected_at", "-id"]
        indexes: ClassVar = [
            # Where a trigger goes, and the list of a project's sessions: open ones are few, closed ones pile up.
            models.Index(
                fields=["project", "session_id"], condition=models.Q(closed_at=None), name="sdk_connections_open"
            ),
            # A process says that it is alive, or that it is ending, for all its sockets at once.
            models.Index(fields=["process"], condition=models.Q(closed_at=None), name="sdk_connections_process"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} ({self.sid})"

    @property
    def is_open(self) -> bool:
        """Whether it can be reached, as far as anybody knows now."""
        return self.closed_at is None and self.last_seen_at > timezone.now() - LOST_AFTER
