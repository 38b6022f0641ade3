"""What was found when results were checked, and whom projects ask, to read."""

from __future__ import annotations

from django.contrib import admin
from unfold.decorators import display

from observability.admin.service_admin import ReadOnlyAdmin
from reruns.models import Evaluation, JudgeSettings


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    """What one check says of one run."""

    list_display = ("run", "show_trigger", "type", "status", "reason", "evaluated_at")
    list_filter = ("status", "type")
    search_fields = ("type", "reason", "run__trigger__trace_id")
    list_select_related = ("run__trigger",)
    fields = ("run", "show_trigger", "position", "type", "status", "reason", "evidence", "evaluated_at")
    show_full_result_count = False

    @display(description="Rerun")
    def show_trigger(self, row: Evaluation) -> str:
        """Return the rerun by number."""
        return str(row.run.trigger)


@admin.register(JudgeSettings)
class JudgeSettingsAdmin(ReadOnlyAdmin):
    """Whom a project asks. The key is not shown, and not changed here."""

    list_display = ("project", "base_url", "model", "has_key", "updated_at")
    search_fields = ("project__name", "base_url", "model")
    list_select_related = ("project__organization",)
    fields = ("project", "base_url", "model", "has_key", "updated_at")

    @display(description="Key", boolean=True)
    def has_key(self, row: JudgeSettings) -> bool:
        """Say whether a key is stored."""
        return row.encrypted_key is not None
