"""A whole Playhead for a benchmark: `manage.py up` on an empty data folder and a free port, ended with the block."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
_READY_SECONDS = 240


@dataclass(frozen=True)
class Product:
    """A running product: where it is, the key to send with, and how to watch its processes."""

    url: str
    api_key: str
    database_url: str
    pid: int

    def list_processes(self) -> dict[str, list[psutil.Process]]:
        """Return the product's processes by what they are: `web`, `postgres`, `valkey`, `worker`, `beat`."""
        found: dict[str, list[psutil.Process]] = {}
        for process in psutil.Process(self.pid).children(recursive=True):
            try:
                line = " ".join(process.cmdline())
            except psutil.NoSuchProcess:
                continue
            name = _name_process(line)
            if name:
                found.setdefault(name, []).append(process)
        return found

    def read_cpu_seconds(self) -> dict[str, float]:
        """Return CPU seconds used so far, by kind of process, with those of their ended children."""
        spent: dict[str, float] = {}
        for name, processes in self.list_processes().items():
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    spent[name] = spent.get(name, 0.0) + sum(process.cpu_times()[:4])
        return spent

    def read_memory_mb(self) -> dict[str, float]:
        """Return proportional memory in MB, by kind of process."""
        held: dict[str, float] = {}
        for name, processes in self.list_processes().items():
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    held[name] = held.get(name, 0.0) + process.memory_full_info().pss / 2**20
        return held


def _name_process(line: str) -> str | None:
    for part, name in (
        ("config.serve", "web"),
        ("postgres", "postgres"),
        ("valkey-server", "valkey"),
        ("beat", "beat"),
        ("worker", "worker"),
    ):
        if part in line:
            return name
    return None


@contextmanager
def run_product(
    *, environment: dict[str, str] | None = None, is_demo: bool = False, data: Path | None = None
) -> Iterator[Product]:
    """Start the product, with the demo's agents where asked, wait until it is ready, and stop it afterwards.

    On an empty data folder that goes with it, or on `data`, which stays.
    """
    port, api_key = _find_port(), f"ed_{secrets.token_hex(8)}.{secrets.token_hex(24)}"
    with tempfile.TemporaryDirectory(prefix="playhead-bench-") as folder:
        data = Path(folder) / "data" if data is None else data.absolute()
        command = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(port), "--data", str(data)]
        command += ["--demo"] if is_demo else []
        given = os.environ | {"PLAYHEAD_INIT_API_KEY": api_key} | (environment or {})
        with (Path(folder) / "up.log").open("w") as log:
            process = subprocess.Popen(command, env=given, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)
            try:
                url = f"http://127.0.0.1:{port}"
                _wait_until_ready(url, process, Path(log.name))
                run = json.loads((data / "run.json").read_text())
                yield Product(url=url, api_key=api_key, database_url=run["DATABASE_URL"], pid=process.pid)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=60)


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"The product did not become ready:\n{log.read_text()[-2000:]}")
