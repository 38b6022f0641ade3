"""The data folder: one `up` at a time, and the file through which other commands find the running servers."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from config.embedded.errors import EmbeddedError
from config.embedded.folders import make_private, write_private
from config.embedded.keys import ensure_secrets

NEEDED_BYTES = 200 * 2**20
# Longer than the watchdog's patience: what a killed `up` left behind is gone by then.
PATIENCE_SECONDS = 12.0


class DataFolder:
    """A data folder that this process has to itself.

    Two locks. `up.lock` is the supervisor's. `children.lock` is inherited by every child, so the kernel keeps it until
    the last of them is gone; after a kill of the supervisor the next one waits for it, and two servers never open the
    same files.
    """

    def __init__(self, path: Path, *, say: Callable[[str], None]) -> None:
        self.path = make_private(path)
        self._own_lock = _open_lock(path / "up.lock")
        if not _try_lock(self._own_lock):
            process = os.pread(self._own_lock, 20, 0).decode(errors="replace").strip()
            raise EmbeddedError(
                f"Another `up` (process {process or '?'}) uses {path}: stop it, or choose another folder with --data."
            )
        os.ftruncate(self._own_lock, 0)
        os.pwrite(self._own_lock, f"{os.getpid()}\n".encode(), 0)
        self.children_lock = _open_lock(path / "children.lock")
        self._wait_for_children_of_last_run(say)
        self._check_room()
        ensure_secrets(path)
        self.logs = make_private(path / "logs")
        # Figures of a run are of that run: a process of another may have the same number.
        shutil.rmtree(path / "metrics", ignore_errors=True)
        self.metrics = make_private(path / "metrics")

    def write_run_file(self, found: dict[str, str]) -> None:
        """Tell `manage.py shell` and its like where the servers are; whole or not at all."""
        write_private(self.path / "run.json", json.dumps(found, indent=2) + "\n")

    def close(self) -> None:
        """Take the run file back and leave the folder to others."""
        (self.path / "run.json").unlink(missing_ok=True)
        os.close(self.children_lock)
        os.close(self._own_lock)

    def _wait_for_children_of_last_run(self, say: Callable[[str], None]) -> None:
        if _try_lock(self.children_lock):
            return
        say("Waiting for the processes of the last run to end")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _try_lock(self.children_lock):
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"Processes of an earlier run still use {self.path}: end them (`fuser {self.path}/children.lock`)."
                )
            time.sleep(0.05)

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise EmbeddedError(
                f"Only {free // 2**20} MB are free for {self.path}, 200 MB are needed: make room, or choose --data."
            )


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
