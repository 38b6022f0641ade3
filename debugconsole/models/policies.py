"""Who may watch what: standing rules, and grants for a while."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from debugconsole.models.extensions import DEBUG_CAPABILITY, Extension
from debugconsole.wire.profiles import PROFILES, STANDARD
from observability.models import Organization, Role, User


class DebugPolicy(models.Model):
    """One rule: for an environment, a tenant, an extension, or one install of it.

    A rule that denies beats all others; of the rest the most specific decides. Where there is none, production denies
    and everything else allows. Each change is a new `version`.
    """

    class Scope(models.TextChoices):
        ENVIRONMENT = "environment", "Environment"
        TENANT = "tenant", "Tenant"
        EXTENSION = "extension", "Extension"
        INSTALL = "install", "Install"

    class Effect(models.TextChoices):
        ALLOW = "allow", "Allow"
        DENY = "deny", "Deny"
        APPROVAL = "approval", "Allow with another person's approval"

    scope = models.CharField(max_length=11, choices=Scope)
    environment = models.CharField(max_length=40, blank=True, help_text="As PLAYHEAD_ENV says it: production, staging.")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    extension = models.ForeignKey(Extension, on_delete=models.CASCADE, null=True, blank=True, related_name="policies")
    install_id = models.CharField(max_length=200, blank=True)
    effect = models.CharField(max_length=8, choices=Effect)
    roles = ArrayField(
        models.CharField(max_length=10, choices=Role), default=list, blank=True, help_text="Empty: engineers and above."
    )
    require_capability = models.CharField(
        max_length=60, default=DEBUG_CAPABILITY, blank=True, help_text="What the extension must have; empty: nothing."
    )
    ttl_minutes = models.PositiveIntegerField(
        "minutes of a session", default=10, validators=[MinValueValidator(1), MaxValueValidator(240)]
    )
    hard_ttl_minutes = models.PositiveIntegerField(
        "minutes with extensions", default=30, validators=[MinValueValidator(1), MaxValueValidator(480)]
    )
    max_viewers = models.PositiveIntegerField("viewers at once", default=10)
    lines_per_second = models.PositiveIntegerField("lines a second", default=500, validators=[MinValueValidator(1)])
    allows_export = models.BooleanField("export", default=False)
    redaction_profile = models.CharField(
        "redaction",
        max_length=8,
        choices=[(profile, profile.capitalize()) for profile in PROFILES],
        default=STANDARD,
        help_text="Standard hides secrets; strict hides e-mail and IP addresses, too.",
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    reason = models.CharField(max_length=300, help_text="Why, for whoever reads the audit.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="From then on it is not there.")
    updated_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "debug_policies"
        verbose_name_plural = "debug policies"
        ordering: ClassVar = ["scope", "id"]
        constraints: ClassVar = [
            # One rule a place: two would need an order.
            models.UniqueConstraint(
                fields=["scope", "environment", "organization", "extension", "install_id"],
                name="debug_policy_once",
                nulls_distinct=False,
            ),
            # A rule names what its scope is about, and nothing else.
            models.CheckConstraint(
                condition=Q(scope="environment", organization=None, extension=None, install_id="") & ~Q(environment="")
                | Q(scope="tenant", organization__isnull=False, extension=None, install_id="", environment="")
                | Q(scope="extension", organization=None, extension__isnull=False, install_id="", environment="")
                | Q(scope="install", organization=None, extension__isnull=False, environment="") & ~Q(install_id=""),
                name="debug_policy_names_its_scope",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.effect} for {self.describe_place()}"

    def describe_place(self) -> str:
        """Return what the rule is about."""
        if self.scope == self.Scope.ENVIRONMENT:
            return f"environment {self.environment}"
        if self.scope == self.Scope.TENANT:
            return f"tenant {self.organization}"
        return f"extension {self.extension}" + (f", install {self.install_id}" if self.install_id else "")


class DebugGrant(models.Model):
    """Leave to watch one extension for a while, asked for by one person and given by another.

    requested -> approved -> expired by time, or revoked; requested -> refused.
    """

    extension = models.ForeignKey(Extension, on_delete=models.CASCADE, related_name="grants")
    install_id = models.CharField(max_length=200, blank=True)
    requested_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=300)
    ticket = models.CharField(max_length=100, blank=True, help_text="Where the case is kept.")
    not_before = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    approved_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    refused_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    refused_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "debug_grants"
        ordering: ClassVar = ["-requested_at", "-id"]
        indexes: ClassVar = [
            # Whether somebody has one for an extension.
            models.Index(fields=["requested_by", "extension"], name="debug_grants_of_person"),
        ]
        constraints: ClassVar = [
            # Nobody gives leave to themselves.
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("requested_by")), name="debug_grant_by_another"
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("not_before")), name="debug_grant_has_length"),
        ]

    def __str__(self) -> str:
        return f"{self.extension} for {self.requested_by}"

    @property
    def state(self) -> str:
        """Return `requested`, `refused`, `revoked`, `expired`, `waiting` (for its time) or `active`, as of now."""
        now = timezone.now()
        if self.revoked_at is not None:
            return "revoked"
        if self.refused_at is not None:
            return "refused"
        if self.expires_at <= now:
            return "expired"
        if self.approved_at is None:
            return "requested"
        return "waiting" if self.not_before > now else "active"
