"""Who may see what: organizations, projects, people and keys.

A user belongs to organizations by `Membership`; `ProjectMembership` overrides the role within one project (also
downwards). Keys belong to one project. Everything stored carries its project.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

DEMO_KEY_NAME = "demo"
"""The key that the demo agents send with, made for them by nobody."""

_KEPT_DAYS = {"free": 90, "pro": 365, "team": 365, "enterprise": 365}


class UserManager(BaseUserManager["User"]):
    """Create users by email address."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        """Create an ordinary user; the address is stored as given, compared without case."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        """Create a user who may enter Django admin and everything in it."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        """Find the user who signs in with this address, whatever its case."""
        return self.get(email__iexact=username)


class User(AbstractUser):
    """A person. Signs in with an email address; preferences of the pages live here."""

    class Theme(models.TextChoices):
        SYSTEM = "system", "Follow the system"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    class Density(models.TextChoices):
        COMPACT = "compact", "Compact"
        COMFORTABLE = "comfortable", "Comfortable"

    class Shortcuts(models.TextChoices):
        ON = "on", "On"
        OFF = "off", "Off"

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField("email address", unique=True)
    name = models.CharField(max_length=150, blank=True)
    theme = models.CharField(max_length=10, choices=Theme, default=Theme.SYSTEM)
    density = models.CharField(max_length=12, choices=Density, default=Density.COMPACT)
    time_zone = models.CharField(max_length=64, blank=True, help_text="Empty: the browser's own.")
    shortcuts = models.CharField(
        "single-key shortcuts", max_length=3, choices=Shortcuts, default=Shortcuts.ON, db_default="on"
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar = [
            # Two accounts that differ in case only would be one mailbox.
            models.UniqueConstraint(Lower("email"), name="user_email_without_case"),
        ]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        """Return the name to greet by."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """Return the name for small places."""
        return self.name or self.email.split("@", 1)[0]


class Role(models.TextChoices):
    """What a person may do, each including the next."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    ENGINEER = "engineer", "Engineer"
    VIEWER = "viewer", "Viewer"


class Organization(models.Model):
    """A tenant: has the plan, the people and the projects."""

    class Plan(models.TextChoices):
        FREE = "free", "Free"
        PRO = "pro", "Pro"
        TEAM = "team", "Team"
        ENTERPRISE = "enterprise", "Enterprise"

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    # Named by other systems' tokens and headers; never changes, unlike the slug.
    tenant_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    plan = models.CharField(max_length=12, choices=Plan, default=Plan.FREE)
    retention_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Days that data is kept, on the enterprise plan. Empty: the plan's."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Hidden from then on; the row goes with the last of its projects.
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def kept_days(self) -> int:
        """Return for how many days data is kept."""
        if self.plan == self.Plan.ENTERPRISE and self.retention_days is not None:
            return self.retention_days
        return _KEPT_DAYS[self.plan]


class Project(models.Model):
    """A workspace: has keys, data, capture switches and redaction rules."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="projects")
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60)
    capture_inputs = models.BooleanField(default=True, help_text="Store what events were given.")
    capture_outputs = models.BooleanField(default=True, help_text="Store what events returned.")
    capture_error_stacks = models.BooleanField(default=True, help_text="Store stack traces of errors.")
    capture_attributes = models.BooleanField(default=True, help_text="Store raw attributes.")
    retention_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Days that data is kept, if fewer than the organization's."
    )
    is_held = models.BooleanField(
        "legal hold", default=False, db_default=False, help_text="Keep everything, whatever its age."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Hidden from then on; the row goes when all that belongs to it is purged.
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            # Page addresses name the project by its slug within the organization.
            models.UniqueConstraint(fields=["organization", "slug"], name="project_slug_in_organization"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def kept_days(self) -> int | None:
        """Return for how many days data is kept; None while a legal hold keeps it for ever."""
        if self.is_held:
            return None
        days = self.organization.kept_days
        return days if self.retention_days is None else min(days, self.retention_days)


class RedactionRule(models.Model):
    """A project's own addition to the built-in redaction: a key name, or a value pattern (RE2)."""

    class Kind(models.TextChoices):
        KEY = "key", "Key name"
        PATTERN = "pattern", "Value pattern (RE2)"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="redaction_rules")
    kind = models.CharField(max_length=10, choices=Kind)
    value = models.CharField(max_length=500, help_text="A key name (any case, - and _ alike), or an RE2 pattern.")
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            # The same rule twice would only cost time.
            models.UniqueConstraint(fields=["project", "kind", "value"], name="redaction_rule_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}"


class Membership(models.Model):
    """A person's role in an organization, and so in all its projects."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.ENGINEER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            # One role per person and organization.
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.organization}"


class ProjectMembership(models.Model):
    """A person's role in one project, in place of the organization's."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="project_memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            # One override per person and project.
            models.UniqueConstraint(fields=["project", "user"], name="project_membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.project}"


class Scope(models.TextChoices):
    """What a key may do."""

    INGEST = "ingest", "Send data"
    READ = "read", "Read data"
    RERUN = "rerun", "Take and request reruns"
    DEBUG = "debug", "Send and read debug output"
    ADMIN = "admin", "Manage the project"


def _default_scopes() -> list[str]:
    return [Scope.INGEST]


class ApiKey(models.Model):
    """A project's key, `<public id>.<secret>`. The secret is shown once and stored as its SHA-256.

    A secret has 192 random bits, so a fast hash is enough: there is nothing to guess. A rotated key names its
    successor and keeps working until `expires_at`, the end of the overlap.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    public_id = models.CharField(max_length=40, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope), default=_default_scopes)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # Written at most once a minute a key, so it never makes a request slow.
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    replaced_by = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaces", editable=False
    )

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            # A key that may do nothing is a mistake.
            models.CheckConstraint(condition=~Q(scopes=[]), name="api_key_has_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def state(self) -> str:
        """Return `active`, `expired` or `revoked`, as of now."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return "expired"
        return "active"
