"""`manage.py partitions`: list the day partitions, or make those of a span of days before a backfill."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from observability.errors import ObservabilityError
from observability.services.partitions import ensure_partitions, list_partitions
from observability.sql.store import PARTITIONED


class Command(BaseCommand):
    """Without days it lists; with `--from` and `--to` it makes what is missing, both days included."""

    help = "List the store's day partitions, or make those of a span of days (before a backfill)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the first and the last day, UTC."""
        parser.add_argument("--from", dest="first_day", type=date.fromisoformat, metavar="YYYY-MM-DD")
        parser.add_argument("--to", dest="last_day", type=date.fromisoformat, metavar="YYYY-MM-DD")

    def handle(self, *, first_day: date | None, last_day: date | None, **options: Any) -> None:
        """Make or list."""
        if (first_day is None) != (last_day is None):
            raise CommandError("Give both --from and --to, or neither.")
        if first_day and last_day:
            self._make(first_day, last_day)
        else:
            self._list()

    def _make(self, first_day: date, last_day: date) -> None:
        try:
            made = ensure_partitions(first_day, last_day)
        except ObservabilityError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Made {len(made)} partitions for {first_day} to {last_day}.")

    def _list(self) -> None:
        for table in PARTITIONED:
            for partition in list_partitions(table):
                day = partition.first_day or "any other day"
                size = f"{partition.total_bytes / 2**20:,.1f} MiB"
                self.stdout.write(f"{partition.name:<32} {day!s:<14} {partition.estimated_rows:>14,} rows {size:>14}")
