"""`manage.py debug_audit`: is the audit of the debug console what was written?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from debugconsole.services.audit import verify_audit


class Command(BaseCommand):
    """Verify every row; exit 1 at the first that was changed, removed or put in."""

    help = "Verify the debug console's audit, and print the hash of its end to keep elsewhere."

    def handle(self, **options: Any) -> None:
        """Look, and say."""
        report = verify_audit()
        if report.broken_at is not None:
            raise CommandError(f"row {report.broken_at}: {report.problem} ({report.rows} rows before it are well)")
        self.stdout.write(f"{report.rows} rows, all as they were written. Head: {report.head or '(empty)'}")
