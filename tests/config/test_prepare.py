"""`manage.py prepare`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from pytest_django import Settings

from config.env import BASE_DIR
from observability.management.commands import prepare
from observability.management.commands.prepare import collect_static_files


def test_collect_static_files__twice__works_once(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"

    first, second = collect_static_files(settings.STATIC_ROOT), collect_static_files(settings.STATIC_ROOT)

    assert (first, second) == (True, False)
    assert (settings.STATIC_ROOT / "staticfiles.json").exists()


@pytest.mark.django_db
def test_prepare__of_an_empty_database__ends_with_one_line_of_json(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    out = StringIO()

    call_command("prepare", is_json=True, stdout=out)

    made = json.loads(out.getvalue().splitlines()[-1])
    assert made["is_first"] is True
    assert made["api_key"]


def test_prepare__without_postgres__fails_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[str]:
        raise OperationalError("connection refused\nis it running?")

    monkeypatch.setattr(prepare, "list_pending_migrations", fail)

    with pytest.raises(CommandError, match="Postgres cannot be reached"):
        call_command("prepare")


def test_collect_static_files__of_our_modules__hashes_what_they_import(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"

    collect_static_files(settings.STATIC_ROOT)

    names = json.loads((settings.STATIC_ROOT / "staticfiles.json").read_text())["paths"]
    modules = [path.relative_to(BASE_DIR / "static") for path in (BASE_DIR / "static").glob("**/*.js")]
    imports = [
        (settings.STATIC_ROOT / names[str(module)]).parent / imported
        for module in modules
        for imported in re.findall(r"""from "([./][^"]+)";""", (settings.STATIC_ROOT / names[str(module)]).read_text())
    ]
    assert imports
    assert all(path.exists() and re.search(r"\.[0-9a-f]{12}\.js$", path.name) for path in imports)


@pytest.mark.slow
def test_prepare__with_an_empty_data_folder__makes_the_keys_that_it_needs_itself(tmp_path: Path) -> None:
    data = tmp_path / "data"

    answer = subprocess.run(
        [sys.executable, "manage.py", "prepare"],
        cwd=BASE_DIR,
        env={**os.environ, "PLAYHEAD_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert (data / "secret_key").exists()
    assert "playhead.W001" not in answer.stderr
