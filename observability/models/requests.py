"""What people have asked for and is not done yet: somebody to join, something to be deleted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from observability.models.tenancy import Organization, Project, Role, User


class Invitation(models.Model):
    """An address that may join an organization, or one project of it, by a link that was sent to it.

    States: open, then accepted, revoked or expired. The link holds a random token, stored as its SHA-256.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, blank=True, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            # One open invitation an address, so that revoking it leaves no other link that works.
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=Q(accepted_at=None, revoked_at=None),
                name="invitation_once_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"

    @property
    def state(self) -> str:
        """Return `open`, `accepted`, `revoked` or `expired`, as of now."""
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= timezone.now() else "open"


class Deletion(models.Model):
    """A project, or traces of one, hidden already and being removed in the background.

    `expected` and `removed` count traces: what there was at the start, and what is gone. The project's row may be gone
    before this one, so its number is no foreign key.
    """

    class Kind(models.TextChoices):
        PROJECT = "project", "A project"
        TRACES = "traces", "Traces of a project"

    kind = models.CharField(max_length=10, choices=Kind)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="deletions")
    project_id = models.BigIntegerField()
    name = models.CharField(max_length=100)
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    expected = models.BigIntegerField(default=0)
    removed = models.BigIntegerField(default=0)
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-requested_at", "-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def percent(self) -> int:
        """Return how much is done, 0 to 100; never 100 before it is."""
        if self.finished_at is not None:
            return 100
        return min(99, self.removed * 100 // self.expected) if self.expected else 0
