"""The demo's model server, for tests whose programs call a model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def run_model_server() -> Iterator[str]:
    """Run it in a process of its own, without failures and without waiting; give its address."""
    command = [sys.executable, "-m", "demo.model_server", "--pace", "0", "--failure-share", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.communicate(timeout=20)
