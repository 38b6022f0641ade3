"""Compiles `kernels.c` and what it includes. `manage.py` sees to it once the environment is there.

Standard library only, for whatever Python it was started with. The library lies in the environment, under a name that
its source gives it: code of another version never loads it. The compiler is the machine's own; without one, a wheel
with a compiler in it is fetched, used and thrown away. Where neither works, a note in the library's place keeps the
next start from trying again, and ingest runs in Python.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("kernels.c")
LOCK = Path(__file__).parents[3] / "requirements" / "compiler.txt"
NEEDED_BYTES = 700 * 2**20
REMEDY = "install a C compiler (gcc or clang) and run `python3 manage.py setup`"
_OPTIONS = ("-std=c11", "-O3", "-shared", "-fPIC", "-fvisibility=hidden")
# A library that is made in an image runs on processors that are older than the one it was made on: other compilers
# think of that by themselves.
_ZIG = ("-m", "ziglang", "cc", "-mcpu=baseline")


class BuildError(Exception):
    """Say in one line what did not work; what programs wrote about it stands in the lines below."""


def find_library(prefix: str = sys.prefix) -> Path:
    """Return where this version's library lies in the environment `prefix`, or would."""
    parts = sorted(SOURCE.parent.glob("*.[ch]"))
    digest = hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()
    return Path(prefix) / "lib" / f"playhead-kernels-{digest[:16]}.so"


def find_note(library: Path) -> Path:
    """Return where it stands why a library could not be made."""
    return library.with_suffix(".failed")


def ensure_library(*, prefix: str, is_asked: bool, say: Callable[[str], None]) -> None:
    """Make this version's library where it is missing: instant when it is there, one process at a time when not.

    What failed before is only tried again when `is_asked`. Never raises for what does not work: it is said instead.
    """
    library = find_library(prefix)
    if _is_settled(library, is_asked=is_asked):
        return
    try:
        with _alone(library.parent):
            if not _is_settled(library, is_asked=is_asked):
                _make(library, say)
    except OSError as error:
        say(f"playhead: ingest runs in Python, at a lower speed: {error}.")


def list_compilers() -> list[list[str]]:
    """Return the machine's own compilers as commands, the preferred one first."""
    names = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    commands = [shlex.split(name) for name in dict.fromkeys(names)]
    return [command for command in commands if command and shutil.which(command[0])]


def compile_with(compiler: list[str], made: Path, **environment: str) -> None:
    """Make the library and load it: a compiler may be one for other machines. Raises `BuildError`."""
    import ctypes  # Not on the way of a start that has nothing to make.

    _run([*compiler, *_OPTIONS, str(SOURCE), "-o", str(made)], **environment)
    try:
        ctypes.CDLL(str(made))
    except OSError as error:
        raise BuildError(f"{shlex.join(compiler)}: {error}") from None


def _is_settled(library: Path, *, is_asked: bool) -> bool:
    """Tell whether there is nothing to do: it is made, failed before, or is for somebody else to make."""
    if library.exists():
        return True
    return not is_asked and (find_note(library).exists() or not os.access(library.parent, os.W_OK))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process makes a library in the folder. The lock is on itself, so it leaves nothing behind."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(library: Path, say: Callable[[str], None]) -> None:
    """Go in one step from no library to a whole one, or to a note that says why there is none."""
    started = time.monotonic()
    say("Compiling the hot steps of ingest (once; seconds)")
    # Left by a process that was killed: nobody else is here.
    _remove(library.parent.glob("playhead-kernels-*.tmp"))
    try:
        with tempfile.TemporaryDirectory(prefix="playhead-kernels-", suffix=".tmp", dir=library.parent) as folder:
            _compile(Path(folder), say).replace(library)
    except BuildError as error:
        note = find_note(library)
        note.write_text(f"{error}\n")
        reason = str(error).splitlines()[0]
        say(f"playhead: ingest runs in Python, at a lower speed: {reason}. To change that, {REMEDY} (why: {note}).")
    else:
        _remove(path for path in library.parent.glob("playhead-kernels-*") if path != library)
        say(f"Compiled them in {time.monotonic() - started:.0f} s")


def _compile(folder: Path, say: Callable[[str], None]) -> Path:
    """Return the library that the first compiler made that works. Raises `BuildError`."""
    made = folder / "kernels.so"
    failures = []
    for compiler in list_compilers():
        try:
            compile_with(compiler, made)
        except BuildError as error:
            failures.append(str(error))
        else:
            return made
    try:
        _compile_with_wheel(folder, made, say)
    except BuildError as error:
        raise BuildError("\n".join([f"no C compiler works here, and {error}", *failures])) from None
    return made


def _compile_with_wheel(folder: Path, made: Path, say: Callable[[str], None]) -> None:
    """Fetch the compiler that comes as a wheel into the folder, and use it there."""
    if shutil.disk_usage(folder).free < NEEDED_BYTES:
        raise BuildError(f"less than {NEEDED_BYTES // 2**20} MB are free to fetch one")
    say("  no C compiler works here: fetching one for this (100 MB, removed afterwards; about a minute)")
    python = str(folder.parents[1] / "bin" / "python")
    try:
        _fetch(python, folder)
    except BuildError as error:
        raise BuildError(f"none could be fetched\n{error}") from None
    try:
        compile_with(
            [python, *_ZIG],
            made,
            PYTHONPATH=str(folder),
            ZIG_GLOBAL_CACHE_DIR=str(folder / "cache"),
            ZIG_LOCAL_CACHE_DIR=str(folder / "cache"),
        )
    except BuildError as error:
        raise BuildError(f"neither does the one that was fetched\n{error}") from None


def _fetch(python: str, folder: Path) -> None:
    """Install the wheel into the folder, as `manage.py` installs others; nothing of its size stays in a cache."""
    what = ["--target", str(folder), "--require-hashes", "-r", str(LOCK)]
    uv = shutil.which("uv")
    if uv:
        try:
            return _run([uv, "pip", "install", "--python", python, "--no-cache", *what], TMPDIR=str(folder))
        except BuildError:
            pass  # It reads its own configuration and not pip's.
    pip = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    return _run([*pip, "--retries", "1", *what], TMPDIR=str(folder))


def _run(command: list[str], **environment: str) -> None:
    """Run a program without its output, which the `BuildError` has when it fails."""
    name = shlex.join(command)
    try:
        subprocess.run(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=True,
            timeout=900,
        )
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{name} ended with {error.returncode}\n{error.stdout}".rstrip()) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{name}: {error}") from None


def _remove(paths: Iterator[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
