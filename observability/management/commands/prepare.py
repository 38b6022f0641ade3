"""`manage.py prepare`: everything between new code, or an empty database, and a product that can start.

Migrations, static files, then `init`. `manage.py up` runs it at every start, the containers run it once before the
others. Instant when there is nothing to do. Idempotent.
"""

from __future__ import annotations

import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from config.health import list_pending_migrations

# Shipped by packages and never asked for: source maps, the browsable API, a second API browser.
UNUSED_FILES = ["*.map", "*.md", "rest_framework", "redoc"]


class Command(BaseCommand):
    """Bring database and static files up to date."""

    help = "Apply migrations, collect static files, and make what a first start needs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form of the answer."""
        parser.add_argument("--json", action="store_true", dest="is_json", help="End with one line of JSON, as `init`.")

    def handle(self, *, is_json: bool, **options: Any) -> None:
        """Do what is missing."""
        try:
            pending = list_pending_migrations()
        except OperationalError as error:
            raise CommandError(f"Postgres cannot be reached: {str(error).strip()}") from error
        if pending:
            self.stdout.write(f"Applying {len(pending)} migrations")
            with connection.cursor() as cursor:
                # A new index on a large table takes longer than any page may.
                cursor.execute("SET statement_timeout = 0")
            call_command("migrate", interactive=False, verbosity=0)
        collect_static_files(settings.STATIC_ROOT)
        call_command("init", is_json=is_json, stdout=self.stdout, stderr=self.stderr)


def collect_static_files(root: Path) -> bool:
    """Collect when any source file changed since the last time; return whether it did.

    Hashing and compressing all of them takes seconds, looking at their times and sizes a few milliseconds.
    """
    mark = root / ".collected"
    current = _fingerprint_sources()
    if mark.exists() and mark.read_text() == current:
        return False
    call_command("collectstatic", interactive=False, clear=root.exists(), ignore_patterns=UNUSED_FILES, verbosity=0)
    mark.write_text(current)
    return True


def _fingerprint_sources() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = Path(storage.path(path)).stat()
            digest.update(f"{path} {found.st_mtime_ns} {found.st_size}\n".encode())
    return digest.hexdigest()
