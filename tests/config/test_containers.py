"""docker-compose.yml, Dockerfile and .env.example."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
import yaml

from config.env import BASE_DIR

# The Python of the package comes with the rest of the code.
BUILD = ("build.py", "*.[ch]")
SETTING = re.compile(r"""(?:env\.\w+|read_setting|read_secret)\(\s*"([A-Z_]+)\"""")


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("environment", [[], ["--env-file", ".env.example"]])
def test_compose_file__with_and_without_settings__is_valid(environment: list[str]) -> None:
    command = ["docker-compose", *environment, "config", "-q"]

    answer = subprocess.run(command, cwd=BASE_DIR, env=dict(os.environ), capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stderr


def test_compose_file__of_every_service__watches_its_health() -> None:
    services = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())["services"]

    assert set(services) == {"postgres", "valkey", "streams", "prepare", "web", "worker", "beat"}
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"prepare"}


def test_dockerfile__at_its_end__runs_as_an_ordinary_user() -> None:
    users = re.findall(r"^USER (\S+)", (BASE_DIR / "Dockerfile").read_text(), re.MULTILINE)

    assert users == ["playhead"]


def test_dockerfile__before_its_last_set_up__has_all_that_compiles() -> None:
    layers, _, _ = (BASE_DIR / "Dockerfile").read_text().rpartition("RUN python3 manage.py setup base")
    copied = [name for line in re.findall(r"^COPY (.*) \S+$", layers, re.MULTILINE) for name in line.split()]

    assert set(copied) == {"manage.py", "requirements", *(f"observability/ingest/native/{name}" for name in BUILD)}
    assert "!requirements/*.txt" in (BASE_DIR / ".dockerignore").read_text().splitlines()


def test_env_example__of_every_setting_that_is_read__shows_its_name() -> None:
    sources = [*BASE_DIR.glob("config/*.py"), *BASE_DIR.glob("observability/**/*.py")]
    read = {name for source in sources for name in SETTING.findall(source.read_text())}
    shown = set(re.findall(r"^#?([A-Z_]+)=", (BASE_DIR / ".env.example").read_text(), re.MULTILINE))

    assert len(read) > 15
    assert read <= shown
