"""pytest plugin: a Postgres and a Valkey of its own for every test session, unless the environment names some.

Loaded with `-p tests.servers`, because the addresses must be known before pytest-django reads the settings.
Sessions may run side by side: each has its own temporary folder, which no later session trusts. So has each worker of
pytest-xdist; the session that hands out the work to them starts no server.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.embedded import Postgres, Valkey
from config.embedded.keys import ensure_secrets
from config.embedded.process import Server, ServerProcess, Watchdog

BEGAN = "PLAYHEAD_TESTS_BEGAN"
"""Variable that says when the tests began, in ISO 8601: the same in each worker."""

_PREFIX = "playhead-test-"
_SWEEP_AFTER_SECONDS = 60
_running = pytest.StashKey[ExitStack]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start the servers before any other plugin looks at the environment."""
    # Workers write times of this run into names of tests, and must all write the same.
    os.environ.setdefault(BEGAN, datetime.now(UTC).replace(microsecond=0).isoformat())
    with ExitStack() as stack:
        data = stack.enter_context(_temporary_folder())
        os.environ["PLAYHEAD_DATA"] = str(data)
        ensure_secrets(data)
        (data / "static").mkdir()
        watchdog = Watchdog()
        stack.callback(watchdog.close)
        servers = {} if _has_workers(early_config) else _missing_servers(data)
        for variable, server in servers.items():
            server.prepare()
            process = ServerProcess(server, log=data / f"{server.name}.log", watchdog=watchdog)
            process.start()
            stack.callback(process.stop)
            os.environ[variable] = server.url
        early_config.stash[_running] = stack.pop_all()
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers and remove their folder."""
    if _running in config.stash:
        config.stash[_running].close()


def _has_workers(config: pytest.Config) -> bool:
    """Say whether this session only hands out work. Its workers learn of this plugin by the environment."""
    if "PYTEST_XDIST_WORKER" in os.environ or not getattr(config.known_args_namespace, "numprocesses", None):
        return False
    os.environ["PYTEST_PLUGINS"] = __name__
    return True


def _missing_servers(data: Path) -> dict[str, Server]:
    servers: dict[str, Server] = {}
    if not os.environ.get("DATABASE_URL"):
        servers["DATABASE_URL"] = Postgres(data, is_durable=False)
    if not os.environ.get("REDIS_URL"):
        servers["REDIS_URL"] = Valkey(data)
    return servers


@contextmanager
def _temporary_folder() -> Generator[Path]:
    """Make this session's folder, locked while it lives, and sweep those of sessions that were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), (left / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A session that started this moment may not have locked its folder yet.
            if time.time() - left.stat().st_ctime > _SWEEP_AFTER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
