"""Named views of the trace list, and how each person likes the list."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from observability.models.tenancy import Project, User


class SavedView(models.Model):
    """A query, a time range and columns under a name: its owner's alone, or shared with the project.

    A deleted view stays for a day with `deleted_at`, so that deleting can be taken back.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="saved_views")
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=80)
    is_shared = models.BooleanField(default=False, help_text="Everybody in the project sees it.")
    q = models.CharField("query", max_length=1000, blank=True)
    range = models.CharField("time range", max_length=10, blank=True)
    since = models.DateTimeField(null=True, blank=True, help_text="Start of a custom range.")
    until = models.DateTimeField(null=True, blank=True, help_text="End of a custom range.")
    columns = ArrayField(
        models.CharField(max_length=20), default=list, blank=True, help_text="In order; empty for each person's own."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            # Two entries of one menu that read the same cannot be told apart.
            models.UniqueConstraint(
                "project",
                "owner",
                Lower("name"),
                condition=Q(is_shared=False, deleted_at=None),
                name="saved_view_private_name",
            ),
            # The same among those that everybody sees.
            models.UniqueConstraint(
                "project", Lower("name"), condition=Q(is_shared=True, deleted_at=None), name="saved_view_shared_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TraceListChoice(models.Model):
    """How one person likes the trace list of one project: which columns, and the view it opens with."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="trace_list_choices")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    columns = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    default_view = models.ForeignKey(SavedView, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints: ClassVar = [
            # One choice per person and project.
            models.UniqueConstraint(fields=["user", "project"], name="trace_list_choice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.project}"
