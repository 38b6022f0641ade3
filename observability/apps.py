"""The ground floor: tenancy, ingest, store, reads, live hints, trace pages, admin."""

from __future__ import annotations

from django.apps import AppConfig


class ObservabilityConfig(AppConfig):
    """Record, browse and watch traces."""

    name = "observability"
    verbose_name = "Playhead"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and how times are read."""
        from django.db.backends.signals import connection_created

        from observability import checks  # noqa: F401 - importing registers them
        from observability.timestamps import load_times_fast

        connection_created.connect(load_times_fast)
