"""No child outlives its parent, whatever ends the parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from config.embedded.process import Watchdog, is_group_alive
from config.env import BASE_DIR


def is_alive(pid: int) -> bool:
    """Count a zombie as dead: it waits for its reaper and does nothing."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def start_parent(code: str, *, ignores_interrupts: bool = False) -> tuple[subprocess.Popen[str], int]:
    """Run a parent that prints its child's process id; return both."""
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=BASE_DIR,
        # As a shell does for background jobs; the child inherits it.
        preexec_fn=(lambda: signal.signal(signal.SIGQUIT, signal.SIG_IGN)) if ignores_interrupts else None,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a death signal")
@pytest.mark.parametrize("ignores_interrupts", [False, True])
def test_launch__when_the_parent_is_killed__ends_the_child_with_its_signal(ignores_interrupts: bool) -> None:
    parent, child = start_parent(
        """
        import signal, subprocess, time
        from config.embedded.process import build_launch_command
        child = subprocess.Popen(build_launch_command(["sleep", "60"], death_signal=signal.SIGQUIT))
        print(child.pid, flush=True)
        time.sleep(60)
        """,
        ignores_interrupts=ignores_interrupts,
    )
    assert wait_until(lambda: psutil.Process(child).name() == "sleep")

    parent.kill()
    parent.wait()

    assert wait_until(lambda: not is_alive(child))


def test_watchdog__when_the_parent_is_killed__ends_the_whole_group() -> None:
    parent, child = start_parent(
        """
        import signal, subprocess, time
        from config.embedded.process import Watchdog
        watchdog = Watchdog()
        child = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 60 & sleep 60"], start_new_session=True)
        watchdog.add(child.pid, death_signal=signal.SIGTERM)
        print(child.pid, flush=True)
        time.sleep(60)
        """
    )
    assert wait_until(lambda: len(psutil.Process(child).children()) == 2)
    family = [child, *(process.pid for process in psutil.Process(child).children())]

    parent.kill()
    parent.wait()

    # The shell ignores SIGTERM, and its children inherit that: SIGKILL follows after the watchdog's patience.
    assert wait_until(lambda: not any(is_alive(pid) for pid in family), seconds=15)


def test_group__is_alive_while_one_of_it_is__and_no_longer_as_a_zombie() -> None:
    leader = subprocess.Popen(["sh", "-c", "sleep 60 & echo"], start_new_session=True, stdout=subprocess.PIPE)
    leader.wait()

    assert is_group_alive(leader.pid)
    os.killpg(leader.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_group_alive(leader.pid))


def test_watchdog__of_a_group_taken_back__leaves_it_alone() -> None:
    watchdog = Watchdog()
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    watchdog.add(child.pid, death_signal=signal.SIGKILL)

    watchdog.remove(child.pid)
    watchdog.close()

    assert child.poll() is None
    child.kill()
    child.wait()


def test_watchdog__when_it_is_killed_itself__is_replaced_with_all_it_knew() -> None:
    watchdog = Watchdog()
    first, second = (subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(2))
    watchdog.add(first.pid, death_signal=signal.SIGKILL)
    killed = watchdog.pid
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(killed))

    watchdog.add(second.pid, death_signal=signal.SIGKILL)
    watchdog.close()

    assert watchdog.pid != killed
    assert first.wait(5) == -signal.SIGKILL
    assert second.wait(5) == -signal.SIGKILL


def test_launch__when_the_parent_is_gone_before_it_began__does_not_begin(tmp_path: Path) -> None:
    launch = BASE_DIR / "config" / "embedded" / "launch.py"
    command = [sys.executable, "-I", "-S", str(launch), "1", "9", "touch", str(tmp_path / "begun")]

    answer = subprocess.run(command, check=False, capture_output=True, text=True)

    assert answer.returncode != 0
    assert not (tmp_path / "begun").exists()
