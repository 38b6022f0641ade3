"""`manage.py check` as Django has it, but that `--tag debug_console` asks servers, as `--deploy` does."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import check

from debugconsole.checks import TAG


class Command(check.Command):
    """Whoever names this tag wants to know whether it works, not only whether it is written well."""

    def handle(self, *app_labels: Any, **options: Any) -> None:
        """Check."""
        options["deploy"] = options["deploy"] or TAG in (options["tags"] or ())
        super().handle(*app_labels, **options)
