"""One embedded Postgres cluster: `<data>/postgres-<major>`, reachable over a private unix socket only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from config.embedded.errors import EmbeddedError
from config.embedded.folders import make_socket_folder
from config.embedded.identity import choose_identity
from config.embedded.programs import Program, find_postgres

# For an ingest store on one machine. Durability is promised, so synchronous_commit and fsync stay on.
SETTINGS = {
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # Batches touch many pages once, so that few checkpoints mean few images of whole pages in the log. Compressing
    # them by pglz, which every build has, takes a tenth of what storing an event costs Postgres; few have lz4.
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "off",
    "synchronous_commit": "on",
    # A scan or a drop over many daily partitions locks each of them and their indexes.
    "max_locks_per_transaction": "256",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
# A test cluster is thrown away, so it need not survive a power cut; a process crash it survives all the same.
UNSAFE_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "10min"}


class Postgres:
    """What is needed to make, start, watch and stop the cluster; the process itself belongs to the caller."""

    name: ClassVar[str] = "postgres"
    # Fast shutdown: sessions end, everything is checkpointed.
    stop_signal: ClassVar[int] = signal.SIGINT
    # Immediate shutdown: bounded in time, recovers from the write-ahead log at the next start.
    death_signal: ClassVar[int] = signal.SIGQUIT

    def __init__(self, data: Path, *, is_durable: bool = True, program: Program | None = None) -> None:
        """Look for a program that opens the data there is; `program` names one instead."""
        data = data.resolve()
        existing = sorted(int(path.name.partition("-")[2]) for path in data.glob("postgres-[0-9][0-9]"))
        self.program = program or find_postgres(major=existing[-1] if existing else None)
        self.folder = data / f"postgres-{self.program.version[0]}"
        self.sockets = make_socket_folder(data)
        self.is_durable = is_durable
        self.identity = choose_identity()

    @property
    def url(self) -> str:
        """Return the address in the form that Django settings, psycopg and `psql` all take."""
        return f"postgres://playhead@/playhead?host={quote(str(self.sockets))}"

    @property
    def command(self) -> list[str]:
        """Return the server's command line; everything else is in its configuration files."""
        places = ["-c", "listen_addresses=", "-k", str(self.sockets), "-c", "unix_socket_permissions=0700"]
        return [*self.identity.prefix, str(self.program.path), "-D", str(self.folder), *places]

    @property
    def environment(self) -> dict[str, str]:
        """Return our environment without what would change the server: PG* variables and locales."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        return {**kept, "LC_ALL": "C"}

    def prepare(self) -> None:
        """Make the cluster when there is none, and write its settings. No server may run on it."""
        if self.folder.exists():
            self.identity.adopt(self.folder)
            # Nobody serves this folder (the caller holds its lock), so a process that got the old number is a stranger.
            (self.folder / "postmaster.pid").unlink(missing_ok=True)
        else:
            self._make_cluster()
        self.clear_sockets()
        settings = self._settings()
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        (self.folder / "playhead.conf").write_text(
            "# Rewritten at every start; ALTER SYSTEM overrides it.\n" + "".join(lines)
        )

    def clear_sockets(self) -> None:
        """Remove what a killed server left in the socket folder."""
        for path in self.sockets.glob(".s.PGSQL.*"):
            path.unlink(missing_ok=True)

    def is_ready(self, pid: int) -> bool:
        """Tell whether the server with this process id takes connections, from the status in its pid file."""
        with suppress(OSError):
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    def _settings(self) -> dict[str, str]:
        settings = dict(SETTINGS)
        if any(self.program.path.parent.parent.glob("lib/**/pg_stat_statements.*")):
            settings["shared_preload_libraries"] = "pg_stat_statements"
        return settings if self.is_durable else settings | UNSAFE_SETTINGS

    def _make_cluster(self) -> None:
        """Make it under another name and rename it when whole, so an interrupted start leaves nothing half done."""
        for left in self.folder.parent.glob("postgres-*.unfinished-*"):
            shutil.rmtree(left, ignore_errors=True)
        unfinished = self.folder.with_name(f"{self.folder.name}.unfinished-{os.getpid()}")
        initdb = str(self.program.path.with_name("initdb"))
        options = [
            "--username=playhead",
            "--auth=trust",
            "--encoding=UTF8",
            "--data-checksums",
            *self._locale_options(),
        ]
        durability = [] if self.is_durable else ["--no-sync"]
        self._run([initdb, "-D", str(unfinished), *options, *durability])
        # Single-user mode: no server and no client program needed.
        self._run(
            [str(self.program.path), "--single", "-D", str(unfinished), "postgres"], typed="CREATE DATABASE playhead\n"
        )
        with (unfinished / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'playhead.conf'\n")
        unfinished.rename(self.folder)

    def _locale_options(self) -> list[str]:
        """Return options that give the same sort order on every system."""
        if self.program.version >= (17,):
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C" if sys.platform == "darwin" else "--locale=C.UTF-8"]

    def _run(self, command: list[str], *, typed: str = "") -> None:
        answer = subprocess.run(
            [*self.identity.prefix, *command],
            input=typed,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd="/",
            check=False,
        )
        if answer.returncode != 0:
            said = (answer.stderr.strip() or answer.stdout.strip()).splitlines()
            raise EmbeddedError(f"Postgres could not make {self.folder}: {said[-1] if said else 'no reason given'}")
