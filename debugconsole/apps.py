"""The live debug console: what extensions print, as they print it. Imports the ground floor, never the reverse."""

from __future__ import annotations

from django.apps import AppConfig


class DebugConsoleConfig(AppConfig):
    """From a line on some machine to whoever may see it."""

    name = "debugconsole"
    verbose_name = "Debug console"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from debugconsole import checks, server_checks  # noqa: F401 - importing registers them
