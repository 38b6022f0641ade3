"""Where settings come from: the environment first, then the files that `manage.py up` keeps in the data folder."""

from __future__ import annotations

import json
from pathlib import Path

import environ

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("PLAYHEAD_DATA", default=str(BASE_DIR / ".data")))


def read_run_file() -> dict[str, str]:
    """Return what the running `up` wrote to `run.json`, or nothing when none runs."""
    try:
        found = json.loads((DATA_DIR / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def read_setting(name: str, *, run_file: dict[str, str], default: str) -> str:
    """Return a server address: environment, then run file, then the default."""
    given: str = env.str(name, default="")
    return given or run_file.get(name, "") or default


def read_secret(name: str, *, file: str) -> str:
    """Return a secret from the environment, else from a file of the data folder, else ""."""
    given: str = env.str(name, default="")
    if given:
        return given
    try:
        return (DATA_DIR / file).read_text().strip()
    except OSError:
        return ""
