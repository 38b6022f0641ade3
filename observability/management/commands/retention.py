"""Remove what is past the days that are kept, now, or say what would go."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from observability.models import RetentionRun
from observability.services.retention import start_retention, work_on_retention


class Command(BaseCommand):
    """`manage.py retention [--dry-run]`: what beat does every night, in the foreground."""

    help = "Remove what is past each organization's days, in small batches; with --dry-run only count it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take `--dry-run`."""
        parser.add_argument("--dry-run", action="store_true", help="count what would go, and remove nothing")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        """Ask for a run, work on it and on what an earlier one left, to the end, and report each part."""
        start_retention(is_dry_run=dry_run)
        waiting = RetentionRun.objects.filter(finished_at=None, is_dry_run=dry_run)
        asked = list(waiting.values_list("pk", flat=True))
        while asked:
            work_on_retention(seconds=5)
            for run in RetentionRun.objects.filter(pk__in=asked).exclude(finished_at=None).order_by("pk"):
                self.stdout.write(_describe(run))
                asked.remove(run.pk)
            if asked and RetentionRun.objects.filter(finished_at=None, claimed_until__isnull=False).exists():
                # A worker is at it.
                time.sleep(1)


def _describe(run: RetentionRun) -> str:
    did = "would remove" if run.is_dry_run else "removed"
    counts = ", ".join(f"{rows:,} {table}" for table, rows in sorted(run.counts.items()) if rows) or "nothing"
    if run.organization is not None:
        return f"{run.organization}: {did} {counts}"
    days = f" in {', '.join(run.dropped)}" if run.dropped else ""
    return f"Whole days: {did} {counts}{days}" + (f"\n  {run.note}" if run.note else "")
