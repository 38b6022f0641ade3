"""`manage.py doctor`: is everything that the product needs there and well?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.diagnosis import Finding, diagnose


class Command(BaseCommand):
    """Print a line per dependency; exit 1 when something is wrong, with what to do about it."""

    help = "Check every dependency and say what to do about what is wrong."
    # It must also run, and say why, where the rest does not.
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django declares it this way

    def handle(self, **options: Any) -> None:
        """Look, print, and judge."""
        findings = []
        for finding in diagnose():
            findings.append(finding)
            self._print(finding)
        wrong = sum(not finding.is_ok for finding in findings)
        if wrong:
            self.stdout.write(self.style.ERROR(f"\n{wrong} of {len(findings)} wrong"))
            raise SystemExit(1)
        self.stdout.write(self.style.SUCCESS(f"\nAll {len(findings)} well"))

    def _print(self, finding: Finding) -> None:
        mark = self.style.SUCCESS("ok   ") if finding.is_ok else self.style.ERROR("WRONG")
        self.stdout.write(f"{mark}  {finding.name:<30} {finding.detail}")
        if finding.remedy:
            self.stdout.write(f"       {'':<30} -> {finding.remedy}")
        self.stdout.flush()
