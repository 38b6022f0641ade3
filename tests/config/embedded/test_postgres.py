"""The embedded Postgres cluster: made, configured, crashed, moved."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from config.embedded import identity
from config.embedded.errors import EmbeddedError
from config.embedded.identity import PLAIN_NOBODY, choose_identity
from config.embedded.postgres import Postgres
from config.embedded.process import ServerProcess, Watchdog
from config.embedded.programs import find_postgres

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def start(postgres: Postgres, data: Path, watchdog: Watchdog) -> ServerProcess:
    postgres.prepare()
    process = ServerProcess(postgres, log=data / "postgres.log", watchdog=watchdog)
    process.start()
    return process


def link_or_copy(source: str, target: str) -> None:
    """Save 70 MB where source and target are on one file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def ask(postgres: Postgres, query: str) -> object:
    with psycopg.connect(postgres.url) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def test_prepare__of_a_durable_cluster__never_turns_durability_off(data: Path, watchdog: Watchdog) -> None:
    postgres = Postgres(data)
    process = start(postgres, data, watchdog)

    names = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "listen_addresses")
    found = {name: ask(postgres, f"SHOW {name}") for name in names}
    process.stop()

    assert found == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
    }


def test_prepare__on_any_system__sorts_by_code_point(data: Path, watchdog: Watchdog) -> None:
    postgres = Postgres(data, is_durable=False)
    process = start(postgres, data, watchdog)

    ordered = ask(postgres, "SELECT string_agg(w, ' ' ORDER BY w) FROM unnest(ARRAY['b', 'a', 'B', 'A', 'ä']) w")
    process.stop()

    assert ordered == "A B a b ä"


def test_start__after_a_kill__keeps_what_was_committed(data: Path, watchdog: Watchdog) -> None:
    postgres = Postgres(data)
    process = start(postgres, data, watchdog)
    ask(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    process.kill()

    process = start(Postgres(data), data, watchdog)
    answer = ask(postgres, "SELECT answer FROM kept")
    process.stop()

    assert answer == 42


def test_start__with_the_pid_file_of_a_stranger__is_not_fooled(data: Path, watchdog: Watchdog) -> None:
    postgres = Postgres(data, is_durable=False)
    start(postgres, data, watchdog).kill()
    # The number went to another process since: Postgres alone would refuse to start.
    (postgres.folder / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.folder}\n")

    process = start(Postgres(data, is_durable=False), data, watchdog)
    answer = ask(postgres, "SELECT 1")
    process.stop()

    assert answer == 1


def test_prepare__after_an_interrupted_first_start__starts_over(data: Path, watchdog: Watchdog) -> None:
    unfinished = data / "postgres-18.unfinished-1"
    (unfinished / "base").mkdir(parents=True)

    process = start(Postgres(data, is_durable=False), data, watchdog)
    process.stop()

    assert not unfinished.exists()


def test_init__with_data_of_a_version_that_is_not_installed__says_so(data: Path) -> None:
    (data / "postgres-99").mkdir()

    with pytest.raises(EmbeddedError, match="No Postgres 99 found"):
        Postgres(data)


@pytest.mark.parametrize("name", ["deep-" * 20, "Ann's d\u00e4ta, 50%?"])
def test_init__with_a_deep_or_odd_data_folder__puts_the_sockets_elsewhere(
    tmp_path: Path, watchdog: Watchdog, name: str
) -> None:
    data = tmp_path / name
    data.mkdir(mode=0o700)
    postgres = Postgres(data, is_durable=False)
    process = start(postgres, data, watchdog)

    answer = ask(postgres, "SELECT 1")
    mode = stat.S_IMODE(postgres.sockets.stat().st_mode)
    process.stop()
    postgres.sockets.rmdir()

    assert answer == 1
    assert data not in postgres.sockets.parents
    assert mode == 0o700


def test_init__with_a_socket_folder_of_somebody_else__is_refused() -> None:
    # A short path: in a long one the sockets would lie elsewhere.
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        theirs = Path(folder) / "theirs"
        data.mkdir(mode=0o700)
        theirs.mkdir()
        (data / "sockets").symlink_to(theirs)

        with pytest.raises(EmbeddedError, match="belongs to another user"):
            Postgres(data)


@needs_root
def test_start__as_root_without_user_namespaces__runs_as_nobody_in_folders_closed_to_it(
    data: Path, watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Made by the first identity, so the second has to adopt it.
    start(Postgres(data, is_durable=False), data, watchdog).stop()
    monkeypatch.setattr(identity, "USER_NAMESPACE", identity.Identity("none", ("false",), 0))
    choose_identity.cache_clear()
    # As in a clone below /root: neither the program nor its libraries are where nobody may go.
    found = find_postgres()
    wheel = found.path.parents[2]
    for folder in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(folder, data / "closed" / folder.name, copy_function=link_or_copy)
    program = replace(found, path=data / "closed" / wheel.name / found.path.relative_to(wheel))

    postgres = Postgres(data, is_durable=False, program=program)
    process = start(postgres, data, watchdog)
    answer = ask(postgres, "SELECT 1")
    owner = Path(f"/proc/{process.pid}").stat().st_uid
    process.stop()
    choose_identity.cache_clear()

    assert answer == 1
    assert postgres.identity == PLAIN_NOBODY
    assert owner == identity.NOBODY
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
