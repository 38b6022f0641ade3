"""The data folder: one `up` at a time."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

from config.embedded.errors import EmbeddedError
from config.supervisor.data import DataFolder

Usage = namedtuple("Usage", "total used free")


def be_silent(_text: str) -> None:
    return None


def test_open__while_another_has_it__is_refused_in_one_line(tmp_path: Path) -> None:
    first = DataFolder(tmp_path, say=be_silent)

    with pytest.raises(EmbeddedError) as caught:
        DataFolder(tmp_path, say=be_silent)

    assert str(caught.value) == (
        f"Another `up` (process {os.getpid()}) uses {tmp_path}: stop it, or choose another folder with --data."
    )
    first.close()


def test_open__after_the_other_closed_it__succeeds(tmp_path: Path) -> None:
    DataFolder(tmp_path, say=be_silent).close()

    DataFolder(tmp_path, say=be_silent).close()


def test_open__while_a_child_of_the_last_run_lives__waits_for_its_end(tmp_path: Path) -> None:
    with (tmp_path / "children.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = subprocess.Popen(["sleep", "1"], pass_fds=[lock.fileno()])
    said: list[str] = []

    DataFolder(tmp_path, say=said.append).close()

    assert child.poll() is not None or child.wait(1) == 0
    assert said == ["Waiting for the processes of the last run to end"]


def test_open__with_a_nearly_full_disk__is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9, 50 * 2**20))

    with pytest.raises(
        EmbeddedError, match=r"^Only 50 MB are free for .*, 200 MB are needed: make room, or choose --data\.$"
    ):
        DataFolder(tmp_path, say=be_silent)


def test_open__below_a_file__is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(EmbeddedError, match="choose another folder with --data"):
        DataFolder(tmp_path / "file" / "data", say=be_silent)


def test_open__of_a_new_folder__makes_keys_that_last_and_that_only_the_owner_reads(tmp_path: Path) -> None:
    data = tmp_path / "data"
    DataFolder(data, say=be_silent).close()
    made = {name: (data / name).read_text() for name in ("secret_key", "encryption_keys")}

    DataFolder(data, say=be_silent).close()

    assert {name: (data / name).read_text() for name in made} == made
    assert all(len(text.strip()) >= 40 for text in made.values())
    assert {stat.S_IMODE((data / name).stat().st_mode) for name in made} == {0o600}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_open__with_keys_given__makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYHEAD_SECRET_KEY", "given")
    monkeypatch.setenv("PLAYHEAD_ENCRYPTION_KEYS", "given")

    DataFolder(tmp_path, say=be_silent).close()

    assert not {"secret_key", "encryption_keys"} & {path.name for path in tmp_path.iterdir()}


def test_run_file__while_the_folder_is_open__holds_the_addresses_for_the_owner_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path, say=be_silent)

    folder.write_run_file({"DATABASE_URL": "postgres://x"})
    file = tmp_path / "run.json"
    text, mode = file.read_text(), stat.S_IMODE(file.stat().st_mode)
    folder.close()

    assert json.loads(text) == {"DATABASE_URL": "postgres://x"}
    assert mode == 0o600
    assert not file.exists()
