#!/usr/bin/env python3
"""The one entry: `up`, `test`, `bench`, `setup`, and every command of Django's own.

    python3 manage.py up [--demo]       run everything until Ctrl-C
    python3 manage.py test [ARGS]       run the tests (arguments go to pytest)
    python3 manage.py bench [NAME ARGS] run a benchmark, or list them
    python3 manage.py setup [LOCK]      only install: base (default), demo or test
    python3 manage.py help              everything else

Every command first sets up `.venv` from a hash-pinned lock when it is missing or out of date, then continues inside
it; what ingest has in C is compiled into it. Until then only the standard library is there, and the syntax stays one
that an old Python can read far enough to be told that it is too old. pip and uv use the machine's own configuration;
no address is written here.
"""

import hashlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import time
from typing import List, Optional

OLDEST_PYTHON = (3, 11)
ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
# Written before packages change and removed after: a leftover means that an install was interrupted.
INSTALLING = os.path.join(VENV, ".installing")
INSTALL_LOG = os.path.join(VENV, "install.log")
# By its path: as a module it would bring its package along, which loads what is yet to be made.
NATIVE_BUILD = os.path.join(ROOT, "observability", "ingest", "native", "build.py")
# Each lock contains the one before it.
LOCKS = ["base", "demo", "test"]
NEEDED_BYTES = 800 * 2**20


class SetupError(Exception):
    """Say in one line what is wrong and what to do about it."""


def main(arguments: List[str]) -> int:
    """Set up the environment, move into it, and run the command."""
    command = arguments[0] if arguments else "help"
    try:
        check_python()
        ensure_environment(choose_lock(command, arguments[1:]))
        if command == "setup" or is_inside():
            ensure_native(is_asked=command == "setup")
    except SetupError as error:
        sys.exit(f"playhead: {error}")
    except OSError as error:
        sys.exit(f"playhead: .venv could not be set up: {error}")
    except KeyboardInterrupt:
        sys.exit("\nplayhead: interrupted; run the same command again, it starts over cleanly.")
    if command == "setup":
        return 0
    if not is_inside():
        # Replaces this process, so signals and the exit code need no passing on.
        os.execv(VENV_PYTHON, [VENV_PYTHON, os.path.abspath(__file__), *arguments])  # noqa: S606
    return run_command(command, arguments)


def check_python() -> None:
    """Refuse a Python that cannot run the product."""
    if os.name != "posix":
        raise SetupError("Linux or macOS is needed; on Windows run it inside WSL.")
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return
    newer = [name for name in ("python3.13", "python3.12", "python3.11", "python3.14") if shutil.which(name)]
    remedy = f"run `{newer[0]} manage.py ...`" if newer else "install python3.11 or newer and use that"
    raise SetupError("Python {}.{} is too old, 3.11 is needed: {}.".format(*sys.version_info[:2], remedy))


def choose_lock(command: str, rest: List[str]) -> str:
    """Return the smallest lock that the command can run with."""
    if command == "setup":
        lock = rest[0] if rest else "base"
        if lock not in LOCKS:
            raise SetupError(f"no lock is called {lock!r}: choose one of {', '.join(LOCKS)}.")
        return lock
    if command in ("test", "bench"):
        return "test"
    return "demo" if command == "demo" or (command == "up" and "--demo" in rest) else "base"


def ensure_environment(lock: str) -> None:
    """Make `.venv` hold at least this lock. Instant when it does; one process at a time when it does not."""
    if is_installed(lock):
        return
    import fcntl

    with open(os.path.abspath(__file__)) as own_file:
        # The lock is on this very file, so it leaves nothing behind.
        fcntl.flock(own_file, fcntl.LOCK_EX)
        if not is_installed(lock):
            install(lock)


def is_inside() -> bool:
    """Tell whether this is the Python of `.venv`."""
    return os.path.realpath(sys.prefix) == os.path.realpath(VENV)


def ensure_native(is_asked: bool) -> None:
    """Make `.venv` hold what ingest has in C, or go on without. What failed before is tried again when asked for."""
    # An image gets the code after the environment, so that a change of code does not install everything anew.
    if os.path.exists(NATIVE_BUILD):
        runpy.run_path(NATIVE_BUILD)["ensure_library"](prefix=VENV, is_asked=is_asked, say=say)


def is_installed(lock: str) -> bool:
    """Tell whether this lock, or a larger one, is what `.venv` was last installed from."""
    if os.path.exists(INSTALLING) or not os.path.exists(VENV_PYTHON):
        return False
    return any(read_stamp(larger) == hash_lock(larger) for larger in LOCKS[LOCKS.index(lock) :])


def install(lock: str) -> None:
    """Install a lock into `.venv`: with uv when it is there and manages, else with venv and pip."""
    if shutil.disk_usage(ROOT).free < NEEDED_BYTES:
        raise SetupError(f"less than {NEEDED_BYTES // 2**20} MB are free in {ROOT}: make room and run it again.")
    say(f"Setting up .venv from requirements/{lock}.txt (once; about a minute)")
    started = time.monotonic()
    is_sound = os.path.exists(VENV_PYTHON) and not os.path.exists(INSTALLING)
    uv = shutil.which("uv")
    if not (uv and install_with_uv(uv, lock, is_sound)):
        install_with_pip(lock, is_sound)
    for name in LOCKS:
        if os.path.exists(stamp_path(name)):
            os.remove(stamp_path(name))
    with open(stamp_path(lock), "w") as stamp:
        stamp.write(hash_lock(lock))
    os.remove(INSTALLING)
    say(f"Set up .venv in {time.monotonic() - started:.0f} s")


def install_with_uv(uv: str, lock: str, is_sound: bool) -> bool:
    """Return False where uv does not manage: it reads its own configuration and not pip's."""
    if not is_sound and run_logged([uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV]):
        return False
    mark_installing()
    # Compiled as pip does it: otherwise every start would compile a thousand modules again where none may be written.
    command = [uv, "pip", "install", "--python", VENV_PYTHON, "--compile-bytecode", "--require-hashes"]
    return run_logged([*command, "-r", lock_path(lock)]) == 0


def install_with_pip(lock: str, is_sound: bool) -> None:
    """Use what comes with Python."""
    has_pip = os.path.exists(VENV_PYTHON) and run_logged([VENV_PYTHON, "-m", "pip", "--version"]) == 0
    if not (is_sound and has_pip):
        make_venv()
    mark_installing()
    command = [VENV_PYTHON, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--require-hashes"]
    if run_logged([*command, "-r", lock_path(lock)], total=count_packages(lock)):
        raise SetupError(explain_failure())


def make_venv() -> None:
    """Make an empty environment with pip in it."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise SetupError(
            "this Python has no venv or ensurepip: run `apt install python3-venv` (or put uv on PATH), then try again."
        ) from None
    if run_logged([sys.executable, "-m", "venv", "--clear", VENV]):
        raise SetupError(explain_failure())


def mark_installing() -> None:
    """Note that packages are about to change."""
    with open(INSTALLING, "w"):
        pass


def run_logged(command: List[str], total: Optional[int] = None) -> int:
    """Run a command with its output in the install log; with `total`, show how many packages pip has reached."""
    os.makedirs(VENV, exist_ok=True)
    lines: List[str] = []
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert child.stdout is not None
    reached = 0
    for line in child.stdout:
        lines.append(line)
        if total and line.startswith(("Collecting ", "Requirement already satisfied")):
            reached += 1
            show_progress(f"  {min(reached, total)} of {total} packages")
        elif total and line.startswith("Installing collected"):
            show_progress("  unpacking ...")
    show_progress("")
    code = child.wait()
    with open(INSTALL_LOG, "w") as log:
        log.writelines(lines)
    return code


def explain_failure() -> str:
    """Turn the end of the install log into one line."""
    with open(INSTALL_LOG) as log:
        lines = [line.strip() for line in log if line.strip()]
    text = "\n".join(lines)
    if "No space left" in text:
        return f"the disk is full: make room in {ROOT} and run it again."
    errors = [line for line in lines if line.lower().startswith("error")] or lines[-1:] or ["no reason given"]
    return f"packages could not be installed: {errors[-1]} (all of it: .venv/install.log)"


def lock_path(lock: str) -> str:
    """Return the requirements file of a lock."""
    return os.path.join(ROOT, "requirements", f"{lock}.txt")


def stamp_path(lock: str) -> str:
    """Return the file that remembers which version of a lock is installed."""
    return os.path.join(VENV, f".installed-{lock}")


def hash_lock(lock: str) -> str:
    """Return what a stamp holds for the lock as it is now."""
    with open(lock_path(lock), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read_stamp(lock: str) -> str:
    """Return what was installed, or "" when nothing was."""
    try:
        with open(stamp_path(lock)) as stamp:
            return stamp.read()
    except OSError:
        return ""


def count_packages(lock: str) -> int:
    """Return how many packages a lock pins."""
    with open(lock_path(lock)) as file:
        return len(re.findall(r"^[a-z0-9][^ ]*==", file.read(), re.MULTILINE))


def say(text: str) -> None:
    """Tell the operator, on stderr: stdout belongs to the command."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def show_progress(text: str) -> None:
    """Draw over the current line of a terminal; a file gets nothing."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" + text)
        sys.stderr.flush()


def run_command(command: str, arguments: List[str]) -> int:
    """Run a command with everything installed."""
    if command == "up":
        from config.supervisor import run_up

        return run_up(arguments[1:])
    if command == "test":
        return run_module("pytest", list_test_arguments(arguments[1:]))
    if command == "bench":
        return run_bench(arguments[1:])
    if command == "prepare":
        prepare_keys()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line([sys.argv[0], *(arguments or ["help"])])
    return 0


def list_test_arguments(given: List[str]) -> List[str]:
    """Let three processes share a whole run, each with servers of its own; named tests run in one.

    Three on two cores: tests of pages and outages wait for a third of their time.
    """
    is_whole = all(argument.startswith("-") for argument in given)
    return ["-n", "3", "--dist", "loadfile", *given] if is_whole else given


def prepare_keys() -> None:
    """Make the keys in the data folder before the settings, read once, look for them there."""
    from config.embedded.folders import make_private
    from config.embedded.keys import ensure_secrets
    from config.env import DATA_DIR

    ensure_secrets(make_private(DATA_DIR))


def run_module(module: str, arguments: List[str]) -> int:
    """Become `python -m module` in the repository's folder."""
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606


def run_bench(arguments: List[str]) -> int:
    """Become `bench/NAME.py`, or list what there is."""
    names = sorted(
        name[:-3] for name in os.listdir(os.path.join(ROOT, "bench")) if name.endswith(".py") and name[0] != "_"
    )
    if arguments and arguments[0] in names:
        return run_module(f"bench.{arguments[0]}", arguments[1:])
    say("usage: manage.py bench NAME [ARGS]; NAME is one of: " + ", ".join(names))
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
