"""Rows that requests and SDKs make, to read here. Values are on the pages alone, where they are asked for by right."""

from __future__ import annotations

from django.contrib import admin

from observability.admin.records import RecordAdmin
from reruns.models import RunConfig, SampledTrace, SdkConnection, SessionClaim, Trigger


@admin.register(Trigger)
class TriggerAdmin(RecordAdmin):
    """What was asked for, and how far it is."""

    list_display = (
        "id",
        "show_project",
        "mode",
        "state",
        "workflow_name",
        "trace_id",
        "run_count",
        "session_id",
        "requested_by",
        "created_at",
        "finished_at",
        "detail",
    )
    list_filter = ("state", "mode")
    list_select_related = ("project__organization", "requested_by")
    search_fields = ("trace_id", "workflow_name", "session_id")


@admin.register(RunConfig)
class RunConfigAdmin(RecordAdmin):
    """What was frozen, without values and mocks."""

    list_display = ("id", "show_project", "workflow_name", "trace_id", "freezes_nothing", "is_strict", "created_at")
    list_select_related = ("project__organization",)
    search_fields = ("trace_id", "workflow_name")


@admin.register(SdkConnection)
class SdkConnectionAdmin(RecordAdmin):
    """Which SDKs are connected, and were."""

    list_display = (
        "session_id",
        "show_project",
        "key",
        "may_rerun",
        "branch",
        "sdk_version",
        "connected_at",
        "last_seen_at",
        "closed_at",
        "closed_because",
    )
    list_filter = ("may_rerun",)
    list_select_related = ("project__organization", "key")
    search_fields = ("session_id",)


@admin.register(SessionClaim)
class SessionClaimAdmin(RecordAdmin):
    """Which project a session id belongs to."""

    list_display = ("session_id", "show_project", "last_seen_at")
    list_select_related = ("project__organization",)
    search_fields = ("session_id",)


@admin.register(SampledTrace)
class SampledTraceAdmin(RecordAdmin):
    """What became of the traces that sampling took."""

    list_display = ("trace_id", "config", "outcome", "detail", "at")
    list_filter = ("outcome",)
    list_select_related = ("config",)
    search_fields = ("trace_id",)
