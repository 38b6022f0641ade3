"""Child processes that cannot outlive us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, ClassVar, Protocol

import psutil

from config.embedded.errors import EmbeddedError

_HERE = Path(__file__).parent
_PYTHON = (sys.executable, "-I", "-S")
# SIGKILL is on its way at once, but a process only dies of it when the system next runs it.
DYING_SECONDS = 10.0


class Server(Protocol):
    """What Postgres and Valkey have in common."""

    name: ClassVar[str]
    stop_signal: ClassVar[int]
    death_signal: ClassVar[int]

    @property
    def command(self) -> list[str]: ...
    @property
    def environment(self) -> dict[str, str]: ...
    @property
    def url(self) -> str: ...
    def prepare(self) -> None: ...
    def clear_sockets(self) -> None: ...
    def is_ready(self, pid: int, /) -> bool: ...


def build_launch_command(command: list[str], *, death_signal: int) -> list[str]:
    """Wrap a command so that it gets the signal when this process ends. Start it from the main thread only.

    The kernel watches the thread that forked, not the process.
    """
    return [*_PYTHON, str(_HERE / "launch.py"), str(os.getpid()), str(int(death_signal)), *command]


def is_group_alive(group: int) -> bool:
    """Say whether a process of the group still runs, and with it holds locks, ports and shared memory.

    Zombies do not count: nobody may ever reap those that lost their parent.
    """
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return any(_is_alive_in(group, process) for process in psutil.process_iter())


def _is_alive_in(group: int, process: psutil.Process) -> bool:
    with suppress(ProcessLookupError, psutil.NoSuchProcess):
        return os.getpgid(process.pid) == group and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return False


class Watchdog:
    """The process that ends our children's groups after us. See watchdog.py."""

    def __init__(self) -> None:
        self._groups: dict[int, int] = {}
        self._process = self._start()

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def add(self, group: int, *, death_signal: int) -> None:
        """Watch a process group from now on."""
        self._groups[group] = int(death_signal)
        self._tell(f"+ {group} {int(death_signal)}")

    def remove(self, group: int) -> None:
        """Forget a group whose leader ended; its number may soon be someone else's."""
        self._groups.pop(group, None)
        self._tell(f"- {group}")

    def close(self) -> None:
        """End it; groups still watched are ended with it."""
        self._stdin.close()
        self._process.wait()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*_PYTHON, str(_HERE / "watchdog.py")], stdin=subprocess.PIPE, text=True, start_new_session=True, cwd="/"
        )

    def _tell(self, line: str) -> None:
        try:
            self._stdin.write(line + "\n")
            self._stdin.flush()
        except BrokenPipeError:
            # Somebody ended it: a new one learns what the old one knew.
            self._process.wait()
            self._process = self._start()
            for group, number in self._groups.items():
                self._stdin.write(f"+ {group} {number}\n")
            self._stdin.flush()


class ServerProcess:
    """One server run in the foreground of somebody else's program, such as a test session."""

    def __init__(self, server: Server, *, log: Path, watchdog: Watchdog) -> None:
        self.server = server
        self._log = log
        self._watchdog = watchdog
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, timeout: float = 30) -> None:
        """Start the server and wait until it takes connections."""
        self.server.clear_sockets()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                build_launch_command(self.server.command, death_signal=self.server.death_signal),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.server.environment,
                start_new_session=True,
                cwd="/",
            )
        self._watchdog.add(self.pid, death_signal=self.server.death_signal)
        deadline = time.monotonic() + timeout
        while not self.server.is_ready(self.pid):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = self._log.read_text(errors="replace").splitlines()[-5:]
                raise EmbeddedError(f"{self.server.name} did not start: {' / '.join(tail)}")
            time.sleep(0.02)

    def stop(self, *, timeout: float = 10) -> None:
        """Stop the server in its orderly way; past the timeout, or when it is stopped by a signal, kill it."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(self.server.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """Kill the server with its process group and see it dead; nothing to do when it has ended."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + DYING_SECONDS
        while is_group_alive(self.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._watchdog.remove(self.pid)
        self._process = None
