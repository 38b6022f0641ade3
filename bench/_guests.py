"""Servers beside the product, on its Postgres server: a database of their own, their processes watched, all ended."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
from psycopg import sql

from bench._product import Product

_READY_SECONDS = 240
_STOP_SECONDS = 20


@dataclass(frozen=True)
class Guest:
    """A running server: its processes with all that they started are `web`, the host's Postgres is `postgres`."""

    host: Product
    pids: Sequence[int]

    def read_cpu_seconds(self) -> dict[str, float]:
        """Return CPU seconds used so far, with those of ended children."""
        spent = 0.0
        for process in self._list_processes():
            with suppress(psutil.NoSuchProcess):
                spent += sum(process.cpu_times()[:4])
        return {"web": spent, "postgres": self.host.read_cpu_seconds().get("postgres", 0.0)}

    def read_memory_mb(self) -> dict[str, float]:
        """Return proportional memory in MB."""
        held = 0.0
        for process in self._list_processes():
            with suppress(psutil.NoSuchProcess):
                held += process.memory_full_info().pss / 2**20
        return {"web": held, "postgres": self.host.read_memory_mb().get("postgres", 0.0)}

    def _list_processes(self) -> list[psutil.Process]:
        parents = [psutil.Process(pid) for pid in self.pids]
        return [*parents, *(child for parent in parents for child in parent.children(recursive=True))]


@contextmanager
def run_guest(
    host: Product,
    commands: Sequence[Sequence[str]],
    *,
    ready_url: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
    descriptors: Sequence[int] = (),
) -> Iterator[Guest]:
    """Run the commands, each a process, until the block ends; wait until the address answers.

    They run in a folder of their own, which goes with them, or in the one given.
    """
    with ExitStack() as ending:
        own = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="playhead-bench-guest-")))
        log = own / "bench.log"
        output = ending.enter_context(log.open("w"))
        processes = []
        for command in commands:
            process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder or own,
                pass_fds=descriptors,
            )
            processes.append(process)
            ending.callback(_stop, process)
        _wait_until_answering(ready_url, processes, log)
        yield Guest(host, [process.pid for process in processes])


def make_database(host: Product, name: str) -> str:
    """Make a database on the product's Postgres server; return its address."""
    with psycopg.connect(host.database_url, autocommit=True) as database:
        database.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlsplit(host.database_url)._replace(scheme="postgresql", path=f"/{name}").geturl()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started, which need not listen to it."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.kill()
    process.wait()


def _wait_until_answering(url: str, processes: Sequence[subprocess.Popen[bytes]], log: Path) -> None:
    parts = urlsplit(url)
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end and all(process.poll() is None for process in processes):
        connection = http.client.HTTPConnection(parts.netloc, timeout=5)
        try:
            connection.request("GET", parts.path)
            if connection.getresponse().status < 500:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.5)
    raise SystemExit(f"{url} does not answer:\n{log.read_text()[-2000:]}")
