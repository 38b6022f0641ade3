"""The demo sent once, to a server that keeps what it gets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.receiver import Receiver, run_receiver

ROOT = Path(__file__).resolve().parents[2]
KEY = "ed_0123456789abcdef.secret"
ENVIRONMENT = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
START_SECONDS = 60.0

StartDemo = Callable[..., "subprocess.Popen[str]"]


@dataclass(frozen=True)
class DemoRun:
    """What `demo --once` printed, its status, and what arrived."""

    received: Receiver
    printed: str
    status: int


def build_command(*arguments: str) -> list[str]:
    """Return the command line of the demo inside this environment."""
    return [sys.executable, "-m", "django", "demo", *arguments]


def run_once(*arguments: str) -> DemoRun:
    """Run `demo --once` to its end."""
    with run_receiver() as received:
        command = build_command("--once", "--url", received.url, "--key", KEY, *arguments)
        done = subprocess.run(
            command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
        )
    return DemoRun(received=received, printed=done.stdout + done.stderr, status=done.returncode)


@pytest.fixture(scope="session")
def demo_run() -> DemoRun:
    """One run of each workflow, sent with the default seed."""
    return run_once()


@pytest.fixture
def start_demo() -> Iterator[StartDemo]:
    """Start demos that are ended with the test."""
    with ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                build_command("--key", KEY, *arguments),
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
                env=ENVIRONMENT,
            )
            stack.callback(_end, process)
            return process

        yield start


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
