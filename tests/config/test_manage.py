"""manage.py on a bare machine: in a copy of its own, with locks that need no network."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import BASE_DIR
from tests.config.copies import Copy

pytestmark = pytest.mark.slow


def test_setup__on_a_bare_machine__makes_the_environment_and_says_so(copy: Copy) -> None:
    answer = copy.run("setup")

    assert answer.returncode == 0, answer.stderr
    assert "Setting up .venv from requirements/base.txt" in answer.stderr
    assert (copy.venv / "bin" / "python").exists()


def test_setup__a_second_time__does_nothing(ready_copy: Copy) -> None:
    answer = ready_copy.run("setup")

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_setup__with_a_changed_lock__installs_again(ready_copy: Copy) -> None:
    ready_copy.write_lock("base", "# another version\n")

    answer = ready_copy.run("setup")

    assert "Setting up .venv" in answer.stderr


def test_setup__of_a_lock_inside_one_that_is_installed__does_nothing(ready_copy: Copy) -> None:
    (ready_copy.venv / ".installed-base").rename(ready_copy.venv / ".installed-test")

    answer = ready_copy.run("setup", "base")

    assert answer.stderr == ""


def test_setup__after_an_interrupted_install__starts_over(ready_copy: Copy) -> None:
    (ready_copy.venv / ".installing").write_text("")
    left = ready_copy.venv / "half-installed"
    left.write_text("")

    answer = ready_copy.run("setup")

    assert answer.returncode == 0
    assert not left.exists()
    assert not (ready_copy.venv / ".installing").exists()


def test_setup__with_an_environment_whose_python_is_gone__makes_it_anew(ready_copy: Copy) -> None:
    python = ready_copy.venv / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python3")

    answer = ready_copy.run("setup")

    assert answer.returncode == 0, answer.stderr
    assert python.exists()


def test_setup__when_uv_fails__falls_back_to_pip(copy: Copy, tmp_path: Path) -> None:
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text('#!/bin/sh\n[ "$1" = venv ] && exec python3 -m venv --without-pip "$7"\nexit 2\n')
    uv.chmod(0o755)

    answer = copy.run("setup", path=f"{uv.parent}:{Path(sys.executable).parent}:/usr/bin:/bin")

    assert answer.returncode == 0, answer.stderr
    assert (copy.venv / "bin" / "pip").exists()


def test_setup__without_ensurepip__names_the_package_to_install(copy: Copy) -> None:
    (copy.root / "ensurepip.py").write_text("raise ImportError('as on Debian without python3-venv')\n")

    answer = copy.run("setup")

    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1] == (
        "playhead: this Python has no venv or ensurepip: "
        "run `apt install python3-venv` (or put uv on PATH), then try again."
    )


def test_setup__with_a_package_that_cannot_be_had__fails_in_one_line(ready_copy: Copy) -> None:
    ready_copy.write_lock("base", f"no-such-package-here==1 --hash=sha256:{'0' * 64}\n")

    answer = ready_copy.run("setup", PIP_NO_INDEX="1")

    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("playhead: packages could not be installed: ERROR:")
    assert "Traceback" not in answer.stderr


def test_setup__with_a_full_disk__fails_in_one_line(copy: Copy) -> None:
    code = "import shutil, types; shutil.disk_usage = lambda _: types.SimpleNamespace(free=1)"

    answer = copy.run("setup", code=code)

    assert answer.returncode == 1
    assert answer.stderr == f"playhead: less than 800 MB are free in {copy.root}: make room and run it again.\n"


def test_any_command__with_an_old_python__names_the_remedy(copy: Copy) -> None:
    answer = copy.run("up", code="import sys; sys.version_info = (3, 9, 2)", path="/nonexistent")

    assert answer.returncode == 1
    assert answer.stderr == (
        "playhead: Python 3.9 is too old, 3.11 is needed: install python3.11 or newer and use that.\n"
    )


def test_manage__for_an_old_python__is_readable() -> None:
    source = (BASE_DIR / "manage.py").read_text()

    ast.parse(source, feature_version=(3, 6))

    assert "from __future__ import annotations" not in source


def test_bench__without_a_name__lists_what_there_is() -> None:
    answer = subprocess.run(
        [sys.executable, "manage.py", "bench"], cwd=BASE_DIR, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 2
    assert answer.stderr.startswith("usage: manage.py bench NAME [ARGS]; NAME is one of: ")


@pytest.mark.parametrize(
    ("given", "is_shared"),
    [([], True), (["--durations=5"], True), (["tests/pages"], False), (["-x", "tests/pages/test_steps.py"], False)],
)
def test_test__whole_run__is_shared_by_two_processes(given: list[str], is_shared: bool) -> None:
    list_test_arguments = runpy.run_path(str(BASE_DIR / "manage.py"), run_name="manage")["list_test_arguments"]

    shared = ["-n", "3", "--dist", "loadfile"] if is_shared else []
    assert list_test_arguments(given) == [*shared, *given]
