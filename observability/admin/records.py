"""Rows that people make on the pages, to read here: memberships, rules, invitations, saved views, deletions.

And what retention did, which nobody asks for.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from observability.admin.links import link_project
from observability.admin.service_admin import ReadOnlyAdmin
from observability.models import (
    Deletion,
    Invitation,
    Membership,
    ProjectMembership,
    RedactionRule,
    RetentionRun,
    SavedView,
    TraceListChoice,
)


class RecordAdmin(ReadOnlyAdmin):
    """Rows with a project, which lead to its pages. They are changed there, or below their organization or project."""

    def get_fields(self, request: Any, obj: Any = None) -> tuple[str, ...]:
        """Show what the list shows."""
        return tuple(name for name in self.get_list_display(request) if name != "__str__")

    @display(description="Project")
    def show_project(self, obj: Any) -> SafeString | str:
        """Return the project, as a link to its page."""
        return link_project(obj.project) if obj.project else "whole organization"


@admin.register(Membership)
class MembershipAdmin(RecordAdmin):
    """Who belongs to which organization."""

    list_display = ("user", "organization", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__name")


@admin.register(ProjectMembership)
class ProjectMembershipAdmin(RecordAdmin):
    """Who has another role in one project."""

    list_display = ("user", "show_project", "role")
    list_filter = ("role",)
    list_select_related = ("user", "project__organization")
    search_fields = ("user__email", "project__name", "project__organization__name")


@admin.register(RedactionRule)
class RedactionRuleAdmin(RecordAdmin):
    """What projects redact besides the built-in rules."""

    list_display = ("value", "kind", "show_project", "is_enabled")
    list_filter = ("kind", "is_enabled")
    list_select_related = ("project__organization",)
    search_fields = ("value", "project__name", "project__organization__name")


@admin.register(Invitation)
class InvitationAdmin(RecordAdmin):
    """Who was invited where. The link's secret is stored as a hash, so it cannot be shown again."""

    list_display = ("email", "organization", "show_project", "role", "show_state", "invited_by", "expires_at")
    list_filter = ("role",)
    list_select_related = ("organization", "project__organization", "invited_by")
    search_fields = ("email", "organization__name")

    @display(
        description="State", label={"open": "info", "accepted": "success", "expired": "warning", "revoked": "danger"}
    )
    def show_state(self, obj: Invitation) -> str:
        """Return the state as of now."""
        return obj.state


@admin.register(SavedView)
class SavedViewAdmin(RecordAdmin):
    """Named queries of the trace list."""

    list_display = ("name", "show_project", "owner", "is_shared", "q", "updated_at")
    list_filter = ("is_shared",)
    list_select_related = ("project__organization", "owner")
    search_fields = ("name", "owner__email", "project__name")


@admin.register(TraceListChoice)
class TraceListChoiceAdmin(RecordAdmin):
    """How people like a project's trace list."""

    list_display = ("user", "show_project", "default_view")
    list_select_related = ("user", "project__organization", "default_view")
    search_fields = ("user__email", "project__name")


@admin.register(Deletion)
class DeletionAdmin(RecordAdmin):
    """Projects and traces being removed in the background."""

    list_display = ("name", "kind", "organization", "requested_by", "requested_at", "show_progress", "finished_at")
    list_filter = ("kind",)
    list_select_related = ("organization", "requested_by")
    search_fields = ("name", "organization__name", "requested_by__email")

    @display(description="Removed")
    def show_progress(self, obj: Deletion) -> str:
        """Return how far it is."""
        return format_html("{} of {} traces, {} %", obj.removed, obj.expected, obj.percent)


@admin.register(RetentionRun)
class RetentionRunAdmin(RecordAdmin):
    """What retention removed, or would remove, and how far it is."""

    list_display = ("__str__", "is_dry_run", "show_state", "show_counts", "show_days", "show_duration", "note")
    list_filter = ("is_dry_run",)
    list_select_related = ("organization",)
    search_fields = ("organization__name",)

    def get_fields(self, request: Any, obj: Any = None) -> tuple[str, ...]:
        """Show the moments too."""
        return (*super().get_fields(request, obj), "created_at", "started_at", "finished_at")

    @display(description="State", label={"waiting": "info", "running": "warning", "finished": "success"})
    def show_state(self, obj: RetentionRun) -> str:
        """Return how far it is."""
        return obj.state

    @display(description="Rows")
    def show_counts(self, obj: RetentionRun) -> str:
        """Return the rows by table."""
        return ", ".join(f"{rows:,} {table}" for table, rows in sorted(obj.counts.items()) if rows) or "none"

    @display(description="Whole days")
    def show_days(self, obj: RetentionRun) -> str:
        """Return the partitions that were dropped."""
        return ", ".join(obj.dropped)

    @display(description="Took")
    def show_duration(self, obj: RetentionRun) -> str:
        """Return how long it took, its waits included."""
        if obj.started_at is None or obj.finished_at is None:
            return ""
        return f"{(obj.finished_at - obj.started_at).total_seconds():,.1f} s"
