"""Reruns: SDK sessions, run configs, triggers, results, sampling. Imports the ground floor, never the reverse."""

from __future__ import annotations

from django.apps import AppConfig


class RerunsConfig(AppConfig):
    """From a trace back to running code."""

    name = "reruns"
    verbose_name = "Reruns"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and listen to what the ground floor stores."""
        from observability.signals import request_stored
        from reruns import checks  # noqa: F401 - importing registers them
        from reruns.receivers import hear_stored_request

        request_stored.connect(hear_stored_request, dispatch_uid="reruns")
