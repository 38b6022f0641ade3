"""`manage.py init`: partitions, and at the first run the first organization, project, sign-in and key.

Run by `manage.py up` and by the containers after `migrate`, at every start. Reads PLAYHEAD_INIT_ORGANIZATION,
PLAYHEAD_INIT_PROJECT, PLAYHEAD_INIT_API_KEY, PLAYHEAD_ADMIN_EMAIL, PLAYHEAD_ADMIN_PASSWORD and PLAYHEAD_DEMO.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config.env import env
from observability.errors import ObservabilityError
from observability.services.first_run import FirstRun, FirstRunResult, ensure_demo_key, prepare_first_run
from observability.services.partitions import ensure_current_partitions


class Command(BaseCommand):
    """Idempotent: a second run prints no secret."""

    help = "Prepare the database for use: partitions, and at the first run the first tenant, sign-in and API key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form of the answer."""
        parser.add_argument("--json", action="store_true", dest="is_json", help="Answer with one line of JSON.")

    def handle(self, *, is_json: bool, **options: Any) -> None:
        """Prepare, then say what was made."""
        asked = _read_environment()
        ensure_current_partitions()
        try:
            result = prepare_first_run(asked)
        except ObservabilityError as error:
            raise CommandError(str(error)) from error
        if env.bool("PLAYHEAD_DEMO", default=False):
            ensure_demo_key(settings.DATA_DIR / "demo_key")
            # By its name alone: what a room above needs for the demo is that room's to say.
            call_command("debug_demo", verbosity=0)
        if is_json:
            self.stdout.write(json.dumps(_to_json(result, asked)))
        else:
            self._print(result, asked)
        for warning in _list_warnings(result, asked):
            self.stderr.write(warning)

    def _print(self, result: FirstRunResult, asked: FirstRun) -> None:
        if result.is_first:
            self.stdout.write("Made what you need to sign in and to send data. Secrets are shown this once:\n\n")
            for label, value in _list_first_lines(result, asked):
                self.stdout.write(f"    {label:<14}{value}")
            self.stdout.write("")
        elif result.key is not None:
            self.stdout.write(f"Made the given API key {result.key.key.public_id} in project {result.project}.")


def _read_environment() -> FirstRun:
    names = {
        "organization": "PLAYHEAD_INIT_ORGANIZATION",
        "project": "PLAYHEAD_INIT_PROJECT",
        "api_key": "PLAYHEAD_INIT_API_KEY",
        "admin_email": "PLAYHEAD_ADMIN_EMAIL",
        "admin_password": "PLAYHEAD_ADMIN_PASSWORD",
    }
    # An empty variable, as Compose passes on for an unset one, is the same as none.
    given = {field: env.str(name, default="").strip() for field, name in names.items()}
    return FirstRun(**{field: value for field, value in given.items() if value})


def _list_first_lines(result: FirstRunResult, asked: FirstRun) -> list[tuple[str, str]]:
    assert result.project is not None and result.key is not None
    given_password = "as given in PLAYHEAD_ADMIN_PASSWORD" if asked.admin_password else "unchanged"
    given_key = f"{result.key.key.public_id}.(as given in PLAYHEAD_INIT_API_KEY)"
    return [
        ("Organization", result.project.organization.name),
        ("Project", result.project.name),
        ("Sign in as", result.admin_email),
        ("Password", result.password or given_password),
        ("API key", given_key if asked.api_key else result.key.text),
    ]


def _list_warnings(result: FirstRunResult, asked: FirstRun) -> list[str]:
    warnings = [result.problem] if result.problem else []
    if result.is_first and asked.admin_password:
        try:
            validate_password(asked.admin_password)
        except ValidationError as error:
            warnings.append(f"PLAYHEAD_ADMIN_PASSWORD is weak, change it after signing in: {' '.join(error.messages)}")
    return warnings


def _to_json(result: FirstRunResult, asked: FirstRun) -> dict[str, object]:
    """Return what was made. `api_key` and `password` are empty when they were given, or made earlier."""
    project = result.project
    return {
        "is_first": result.is_first,
        "organization": project.organization.slug if project else "",
        "project": project.slug if project else "",
        "admin_email": result.admin_email,
        "password": result.password,
        "api_key": result.key.text if result.key and not asked.api_key else "",
    }
