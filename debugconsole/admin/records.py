"""What people did: grants, sessions and the audit, to read."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from debugconsole.models import DebugAudit, DebugGrant, DebugSession
from debugconsole.services.grants import revoke_grant
from observability.admin.service_admin import ReadOnlyAdmin
from observability.errors import ObservabilityError
from observability.models import User


@admin.register(DebugGrant)
class DebugGrantAdmin(ReadOnlyAdmin):
    """Who may watch what for a while. Approved on the pages, by somebody of the project; taken away here, too."""

    list_display = ("extension", "requested_by", "show_state", "reason", "ticket", "expires_at", "approved_by")
    list_select_related = ("extension", "requested_by", "approved_by")
    search_fields = ("extension__extension_id", "requested_by__email", "reason", "ticket")
    actions = ("revoke",)

    @display(description="State")
    def show_state(self, row: DebugGrant) -> str:
        """Return the state, as of now."""
        return row.state

    @admin.action(description="Revoke", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[DebugGrant]) -> None:
        """Take leave away."""
        assert isinstance(request.user, User)
        for grant in queryset:
            try:
                revoke_grant(grant=grant, revoked_by=request.user)
            except ObservabilityError as error:
                self.message_user(request, f"{grant}: {error}", messages.ERROR)


@admin.register(DebugSession)
class DebugSessionAdmin(ReadOnlyAdmin):
    """Who watched what, and what they were shown."""

    list_display = (
        "user",
        "extension",
        "transport",
        "policy",
        "created_at",
        "expires_at",
        "ended_at",
        "end_reason",
        "produced",
        "delivered",
        "filtered",
    )
    list_filter = ("transport", "end_reason")
    list_select_related = ("user", "extension")
    search_fields = ("user__email", "extension__extension_id", "reason")
    exclude = ("ticket_hash", "ticket_expires_at")


@admin.register(DebugAudit)
class DebugAuditAdmin(ReadOnlyAdmin):
    """The audit. `manage.py debug_audit` verifies it."""

    list_display = ("seq", "at", "actor", "action", "target", "detail")
    list_filter = ("action",)
    search_fields = ("actor", "action", "target")
