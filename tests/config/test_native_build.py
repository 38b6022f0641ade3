"""Compiling what ingest has in C, on machines with and without a compiler. Stand-ins compile: they copy a library."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types
import zipfile
from pathlib import Path

import msgspec
import pytest

from config.env import BASE_DIR
from observability.ingest.native import build
from tests.config.copies import Copy

FOLDER = Path("observability/ingest/native")
# Any that can be loaded.
LIBRARY = next(Path(msgspec.__file__).parent.glob("_core*.so"))
GOOD = f"shutil.copy({str(LIBRARY)!r}, sys.argv[sys.argv.index('-o') + 1])"
BAD = "sys.exit('kernels.c:7: error: no stdint.h')"
HANGS = "open(sys.argv[sys.argv.index('-o') + 1], 'w').write('half'); time.sleep(60)"
ENSURE = "from observability.ingest.native import build; build.ensure_library(prefix={!r}, is_asked=False, say=print)"


class Machine:
    """A folder for programs, which is the whole PATH, and an environment without a library."""

    def __init__(self, root: Path) -> None:
        self.programs = root / "programs"
        self.programs.mkdir()
        self.prefix = root / "venv"
        (self.prefix / "lib").mkdir(parents=True)
        self.calls = root / "calls"
        self.said: list[str] = []

    @property
    def library(self) -> Path:
        return build.find_library(str(self.prefix))

    def add_compiler(self, name: str, code: str) -> None:
        program = self.programs / name
        record = f"open({str(self.calls)!r}, 'a').write('{name} ')"
        program.write_text(f"#!{sys.executable}\nimport shutil, sys, time\n{record}\n{code}\n")
        program.chmod(0o755)

    def ensure(self, *, is_asked: bool = False) -> None:
        build.ensure_library(prefix=str(self.prefix), is_asked=is_asked, say=self.said.append)

    def start(self) -> subprocess.Popen[str]:
        """Do the same in a process of its own."""
        code = ENSURE.format(str(self.prefix))
        return subprocess.Popen(
            [sys.executable, "-c", code], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def list_files(self) -> list[str]:
        return sorted(path.name for path in (self.prefix / "lib").iterdir())

    def list_calls(self) -> list[str]:
        return self.calls.read_text().split() if self.calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """One without any compiler, and without a network."""
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(made.programs))
    monkeypatch.delenv("CC", raising=False)
    return made


def test_ensure_library__with_a_compiler__makes_it_once(machine: Machine) -> None:
    machine.add_compiler("cc", GOOD)

    machine.ensure()
    machine.ensure()

    assert machine.list_files() == [machine.library.name]
    assert machine.list_calls() == ["cc"]
    assert machine.said[0] == "Compiling the hot steps of ingest (once; seconds)"
    assert re.fullmatch(r"Compiled them in \d+ s", machine.said[1])
    assert len(machine.said) == 2


def test_ensure_library__with_several_compilers__takes_the_first_that_works(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.add_compiler("mycc", BAD)
    machine.add_compiler("cc", "open(sys.argv[sys.argv.index('-o') + 1], 'w').write('for another machine')")
    machine.add_compiler("clang", GOOD)
    monkeypatch.setenv("CC", "mycc -pipe")

    machine.ensure()

    assert machine.list_calls() == ["mycc", "cc", "clang"]
    assert machine.library.exists()


def test_ensure_library__with_an_error_in_the_source__says_what_to_do_and_goes_on(machine: Machine) -> None:
    machine.add_compiler("gcc", BAD)

    machine.ensure()

    note = build.find_note(machine.library)
    assert machine.list_files() == [note.name]
    assert "kernels.c:7: error: no stdint.h" in note.read_text()
    assert machine.said[-1] == (
        "playhead: ingest runs in Python, at a lower speed: no C compiler works here, and none could be fetched. "
        f"To change that, install a C compiler (gcc or clang) and run `python3 manage.py setup` (why: {note})."
    )


def test_ensure_library__after_a_failure__tries_again_only_when_asked(machine: Machine) -> None:
    machine.ensure()
    machine.add_compiler("cc", GOOD)
    machine.said.clear()

    machine.ensure()

    assert machine.said == []
    assert machine.list_calls() == []

    machine.ensure(is_asked=True)

    assert machine.list_files() == [machine.library.name]


def test_ensure_library__without_room_for_a_compiler__fetches_none(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=1))

    machine.ensure()

    assert "and less than 700 MB are free to fetch one. To change that" in machine.said[-1]


def test_ensure_library__of_a_new_version__removes_the_others_alone(machine: Machine) -> None:
    for name in ("playhead-kernels-0123.so", "playhead-kernels-4567.failed", "libpython3.so"):
        (machine.prefix / "lib" / name).write_text("")
    machine.add_compiler("cc", GOOD)

    machine.ensure()

    assert machine.list_files() == ["libpython3.so", machine.library.name]


def test_ensure_library__where_the_environment_is_missing__raises_nothing(machine: Machine) -> None:
    shutil.rmtree(machine.prefix)

    machine.ensure(is_asked=True)

    assert machine.said[-1].startswith("playhead: ingest runs in Python, at a lower speed: [Errno 2]")


@pytest.mark.slow
def test_ensure_library__by_several_processes_at_once__compiles_once(machine: Machine) -> None:
    machine.add_compiler("cc", f"time.sleep(1)\n{GOOD}")

    starts = [machine.start() for _ in range(3)]
    said = [start.communicate(timeout=60)[0] for start in starts]

    assert machine.list_calls() == ["cc"]
    assert machine.list_files() == [machine.library.name]
    assert sorted(map(bool, said)) == [False, False, True]


@pytest.mark.slow
def test_ensure_library__after_a_kill_in_the_middle__starts_over_cleanly(machine: Machine) -> None:
    machine.add_compiler("cc", HANGS)
    killed = machine.start()
    wait_for_output(machine)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not machine.library.exists()
    machine.add_compiler("cc", GOOD)

    machine.ensure()

    assert machine.list_files() == [machine.library.name]
    assert machine.library.read_bytes() == LIBRARY.read_bytes()


@pytest.mark.skipif(not build.list_compilers(), reason="no C compiler is installed")
def test_kernels__with_the_compiler_of_this_machine__compile_without_a_warning(tmp_path: Path) -> None:
    made = tmp_path / "kernels.so"

    build.compile_with([*build.list_compilers()[0], "-Wall", "-Wextra", "-Werror"], made)

    assert hasattr(ctypes.CDLL(str(made)), "playhead_free")


@pytest.mark.slow
def test_setup__on_a_machine_with_a_compiler__compiles(ready_copy: Copy, machine: Machine) -> None:
    add_source(ready_copy)
    machine.add_compiler("cc", GOOD)

    first, second = (ready_copy.run("setup", path=str(machine.programs)) for _ in range(2))

    assert first.stderr.splitlines()[0] == "Compiling the hot steps of ingest (once; seconds)"
    assert (second.returncode, second.stderr) == (0, "")
    assert len(list_made(ready_copy)) == 1


@pytest.mark.slow
def test_setup__without_a_compiler__uses_the_one_in_a_wheel_and_keeps_nothing_of_it(
    ready_copy: Copy, machine: Machine, tmp_path: Path
) -> None:
    add_source(ready_copy)
    digest = make_compiler_wheel(tmp_path, GOOD)
    ready_copy.write_lock("compiler", f"ziglang==1 --hash=sha256:{digest}\n")
    before = list_all(ready_copy.venv)

    answer = ready_copy.run("setup", path=str(machine.programs), PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))

    assert "fetching one for this" in answer.stderr, answer.stderr
    [made] = list_made(ready_copy)
    assert list_all(ready_copy.venv) - before == {made}
    assert made.suffix == ".so"


@pytest.mark.slow
@pytest.mark.parametrize("given", [{}, {"PIP_FIND_LINKS": "."}])
def test_setup__with_no_wheel_or_one_of_another_hash__goes_on_without(
    ready_copy: Copy, machine: Machine, given: dict[str, str]
) -> None:
    add_source(ready_copy)
    make_compiler_wheel(ready_copy.root, GOOD)
    ready_copy.write_lock("compiler", f"ziglang==1 --hash=sha256:{'0' * 64}\n")

    answer = ready_copy.run("setup", path=str(machine.programs), PIP_NO_INDEX="1", **given)

    assert answer.returncode == 0
    assert (
        "ingest runs in Python, at a lower speed: no C compiler works here, and none could be fetched."
        in (answer.stderr.splitlines()[-1])
    )
    assert [path.suffix for path in list_made(ready_copy)] == [".failed"]


def wait_for_output(machine: Machine) -> None:
    """Wait until a compiler has begun to write."""
    until = time.monotonic() + 30
    while not any((machine.prefix / "lib").glob("*.tmp/kernels.so")):
        assert time.monotonic() < until
        time.sleep(0.02)


def add_source(copy: Copy) -> None:
    """Give a copy what an image has of the code when it is set up."""
    (copy.root / FOLDER).mkdir(parents=True)
    for path in (BASE_DIR / FOLDER / "build.py", *(BASE_DIR / FOLDER).glob("*.[ch]")):
        shutil.copy(path, copy.root / FOLDER)


def list_made(copy: Copy) -> list[Path]:
    return list((copy.venv / "lib").glob("playhead-*"))


def list_all(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def make_compiler_wheel(folder: Path, code: str) -> str:
    """Write a wheel whose `python -m ziglang cc` runs the code, if its cache is among what is thrown away."""
    program = f"""
import os, shutil, sys
from pathlib import Path
assert sys.argv[1] == "cc"
assert Path(__file__).parents[1] in Path(os.environ["ZIG_GLOBAL_CACHE_DIR"]).parents
{code}
"""
    info = "ziglang-1.dist-info"
    wheel = folder / "ziglang-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("ziglang/__main__.py", program)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: ziglang\nVersion: 1\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()
