"""The audit log, to read."""

from __future__ import annotations

from auditlog.admin import LogEntryAdmin as LibraryLogEntryAdmin
from auditlog.filters import ResourceTypeFilter
from auditlog.models import LogEntry
from django.contrib import admin
from unfold.admin import ModelAdmin

admin.site.unregister(LogEntry)


@admin.register(LogEntry)
class LogEntryAdmin(LibraryLogEntryAdmin, ModelAdmin):
    """Who changed what, when and from where. Nobody changes this."""

    list_display = ("created", "resource_url", "action", "msg_short", "user_url", "remote_addr")
    list_filter = ("action", ResourceTypeFilter)
    search_fields = ("object_repr", "changes", "actor__email", "actor_email")
    readonly_fields = ("created", "resource_url", "action", "user_url", "remote_addr", "msg")
    fieldsets = (
        (None, {"fields": ("created", "user_url", "remote_addr", "resource_url")}),
        ("Changes", {"fields": ("action", "msg")}),
    )
    list_per_page = 50
    show_full_result_count = False
