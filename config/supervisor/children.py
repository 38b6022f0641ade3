"""One child process: start it, wait until it is ready, start it again when it dies, stop it.

stopped --start--> starting --ready--> running --stop--> stopped
                      |                   |
                      +-------died--------+--> waiting (back-off) --> starting
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.embedded.errors import EmbeddedError
from config.embedded.process import DYING_SECONDS, Watchdog, build_launch_command, is_group_alive
from config.supervisor.logs import BoundedLog

BACK_OFF_SECONDS = (0.5, 1, 2, 4, 8, 16, 30)
# A child that lived this long had a sound start; its next restart is a quick one again.
SOUND_SECONDS = 60.0
START_SECONDS = 60.0
# asyncio's default of 64 KiB would end the reading at a longer line.
LONGEST_LINE = 2**20


async def _is_ready_at_once(_pid: int) -> bool:
    return True


def _do_nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to run one child."""

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: Path
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 4.0
    # Sent when the supervisor is gone. Nothing that was acknowledged needs a goodbye.
    death_signal: int = signal.SIGKILL
    # Inherited: the lock that outlives us, the socket to listen on.
    descriptors: tuple[int, ...] = ()
    is_ready: Callable[[int], Awaitable[bool]] = _is_ready_at_once
    before_start: Callable[[], None] = _do_nothing


async def spawn(plan: Plan, *, watchdog: Watchdog) -> Process:
    """Start the plan's process in a group of its own, one that cannot outlive us.

    Ctrl-C in the terminal then reaches the supervisor alone, which stops things in order.
    """
    plan.before_start()
    process = await asyncio.create_subprocess_exec(
        *build_launch_command(plan.command, death_signal=plan.death_signal),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        limit=LONGEST_LINE,
        env=plan.environment,
        cwd=plan.folder,
        pass_fds=plan.descriptors,
        start_new_session=True,
    )
    watchdog.add(process.pid, death_signal=plan.death_signal)
    return process


async def end_group(process: Process, *, watchdog: Watchdog) -> int:
    """Kill what is left of a process and its group, see it dead, and return the exit code.

    Whoever is started next may want the ports, locks and shared memory that the group held.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    code = await process.wait()
    deadline = time.monotonic() + DYING_SECONDS
    while is_group_alive(process.pid) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    watchdog.remove(process.pid)
    return code


class Child:
    """A plan being carried out."""

    def __init__(self, plan: Plan, *, log: BoundedLog, watchdog: Watchdog, say: Callable[[str], None]) -> None:
        self.plan = plan
        self._log = log
        self._watchdog = watchdog
        self._say = say
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Return its process id; None when no process runs."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start it, wait until it is ready, and keep it running from then on.

        Raises `EmbeddedError` when it dies or hangs before it was ever ready: a restart would only repeat that.
        """
        process = await self._start_once()
        if process.returncode is not None:
            code = await self._finish(process)
            raise EmbeddedError(self._describe_failure(f"did not start ({describe_exit(code)})", code))
        self._keeper = asyncio.create_task(self._keep(process), name=f"keep {self.plan.name}")

    async def stop(self) -> None:
        """Stop it in its orderly way, past its time with SIGKILL; its whole process group is gone afterwards."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(self.plan.stop_signal)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self.plan.stop_seconds)
            await self._finish(process)
        self._log.close()

    def kill(self) -> None:
        """Kill it without a goodbye; a `stop` under way then returns at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _start_once(self) -> Process:
        """Start it and return when it is ready, or when it died before, or was ended for being too slow."""
        process = self._process = await spawn(self.plan, watchdog=self._watchdog)
        assert process.stdout is not None
        self._reader = asyncio.create_task(self._read(process.stdout))
        deadline = time.monotonic() + START_SECONDS
        while process.returncode is None and not await self.plan.is_ready(process.pid):
            if time.monotonic() > deadline:
                self._log.write(b"(not ready in time, ended)\n")
                process.kill()
                await process.wait()
            await asyncio.sleep(0.05)
        return process

    async def _keep(self, process: Process) -> None:
        """Start it again whenever it dies."""
        failures = 0
        while True:
            started = time.monotonic()
            await process.wait()
            code = await self._finish(process)
            if time.monotonic() - started > SOUND_SECONDS:
                failures = 0
            pause = BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)]
            failures += 1
            self._say(self._describe_failure(f"ended ({describe_exit(code)}), starting it again in {pause:g} s", code))
            process = await self._start_again(pause)
            if process.returncode is None:
                self._say(f"{self.plan.name} runs again")

    async def _start_again(self, pause: float) -> Process:
        """Start it after a pause, however long the system has no room for a process."""
        while True:
            await asyncio.sleep(pause)
            try:
                return await self._start_once()
            except OSError as error:
                pause = BACK_OFF_SECONDS[-1]
                self._say(f"{self.plan.name} could not be started ({error}), trying again in {pause:g} s")

    async def _finish(self, process: Process) -> int:
        """Clear up after a process: its group, the watchdog's note, its last words. Return its exit code."""
        code = await end_group(process, watchdog=self._watchdog)
        self._process = None
        if self._reader is not None:
            # Somebody outside the group who inherited the pipe could hold it open.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._reader, 1)
        return code

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                line = b"(a line longer than 1 MiB was dropped)\n"
            if not line:
                return
            self._log.write(line)

    def _describe_failure(self, what: str, code: int) -> str:
        """Return one line, then the child's last words; one that a signal ended had no say in it."""
        lines = [f"    {line}" for line in self._log.take_tail() if code > 0]
        return "\n".join([f"{self.plan.name} {what}; its log is {self._log.path}", *lines])


def describe_exit(code: int) -> str:
    """Return "exit 1" or "SIGKILL"."""
    if code >= 0:
        return f"exit {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
