"""What prints: extensions of a project, and where they are installed."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from observability.models import Organization, Project, User

DEBUG_CAPABILITY = "cap:debug.logs"
"""What lets an extension's output be watched where a policy asks for it. Never passed on to a runner, which refuses
requests that name a capability it does not know (contract debug-console, 1.4)."""


def _default_capabilities() -> list[str]:
    return ["cap:context.read", "cap:log.emit", "cap:user.read"]


class Extension(models.Model):
    """An extension whose output can be watched. Its stream is named by its organization's tenant id and its own id."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="extensions")
    # The project's, beside it: two projects of a tenant would share the stream of an id.
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="extensions")
    extension_id = models.CharField("id", max_length=200, help_text="As runners name it, in any case.")
    name = models.CharField(max_length=100, blank=True)
    capabilities = ArrayField(models.CharField(max_length=60), default=_default_capabilities, blank=True)
    is_enabled = models.BooleanField("enabled", default=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "extensions"
        ordering: ClassVar = ["name", "extension_id"]
        constraints: ClassVar = [
            # Keys of streams do not tell cases apart, so neither may ids.
            models.UniqueConstraint("organization", Lower("extension_id"), name="extension_once_in_organization"),
        ]

    def __str__(self) -> str:
        return self.name or self.extension_id


class ExtensionInstall(models.Model):
    """One installation of an extension, where it differs from the others: off, or with capabilities of its own."""

    extension = models.ForeignKey(Extension, on_delete=models.CASCADE, related_name="installs")
    install_id = models.CharField("id", max_length=200)
    capabilities = ArrayField(
        models.CharField(max_length=60), null=True, blank=True, help_text="Empty: the extension's own."
    )
    is_enabled = models.BooleanField("enabled", default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "extension_installs"
        ordering: ClassVar = ["install_id"]
        constraints: ClassVar = [
            # One row says how an install differs.
            models.UniqueConstraint("extension", Lower("install_id"), name="extension_install_once"),
        ]

    def __str__(self) -> str:
        return self.install_id
