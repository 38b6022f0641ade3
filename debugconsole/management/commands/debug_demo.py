"""`manage.py debug_demo`: register the demo's extension. `init` runs it when it prepares for the demo."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from debugconsole.services.demo import ensure_demo_extension


class Command(BaseCommand):
    """Idempotent."""

    help = "Register the extension that `up --demo` runs, with a rule that lets engineers watch it."

    def handle(self, **options: Any) -> None:
        """Register it."""
        made = ensure_demo_extension()
        if made is not None and options["verbosity"]:
            self.stdout.write(f"Registered the extension {made.extension_id} in {made.project}.")
