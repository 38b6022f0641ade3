"""Children: started, watched, restarted, stopped. With small programs; test_up.py does it with the real ones."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from config.embedded.errors import EmbeddedError
from config.embedded.process import Watchdog
from config.supervisor import children
from config.supervisor.children import Child, Plan
from config.supervisor.logs import BoundedLog


class Stand:
    """Runs children and notes what the operator would read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.children: list[Child] = []
        self.watchdog = Watchdog()

    def run(self, code: str, **plan: object) -> Child:
        """Make a child from a piece of Python."""
        command = [sys.executable, "-I", "-S", "-u", "-c", code]
        found = Plan(name="web", command=command, environment=dict(os.environ), folder=self.folder, **plan)  # type: ignore[arg-type]
        log = BoundedLog(self.folder / "web.log")
        child = Child(found, log=log, watchdog=self.watchdog, say=self.said.append)
        self.children.append(child)
        return child

    async def wait_until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.said
            await asyncio.sleep(0.02)


def is_alive(process: psutil.Process) -> bool:
    """Count a zombie as dead: it waits for its reaper and does nothing."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    stand = Stand(tmp_path)
    yield stand
    await asyncio.gather(*(child.stop() for child in stand.children))
    stand.watchdog.close()


async def test_child__that_is_killed__is_started_again_with_a_line_saying_so(stand: Stand) -> None:
    child = stand.run("import time; time.sleep(60)")
    await child.start()
    assert child.pid
    first = child.pid

    os.kill(first, signal.SIGKILL)
    await stand.wait_until(lambda: "web runs again" in stand.said)

    assert child.pid not in (None, first)
    assert stand.said[0] == f"web ended (SIGKILL), starting it again in 0.5 s; its log is {stand.folder}/web.log"


async def test_child__that_keeps_dying__is_started_less_and_less_often(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "BACK_OFF_SECONDS", (0.01, 0.02, 0.04))
    child = stand.run("print('no luck'); raise SystemExit(3)")

    await child.start()
    await stand.wait_until(lambda: sum("starting it again" in line for line in stand.said) >= 5)

    pauses = [line.split(" in ")[1].split(" s")[0] for line in stand.said if "starting it again" in line]
    assert pauses[:5] == ["0.01", "0.02", "0.04", "0.04", "0.04"]
    assert "web ended (exit 3)" in stand.said[0]
    assert stand.said[0].endswith("\n    no luck")


async def test_child__that_dies_before_it_was_ready__is_reported_with_its_last_words(stand: Stand) -> None:
    async def is_ready(_pid: int) -> bool:
        return False

    child = stand.run("print('a missing thing'); raise SystemExit(1)", is_ready=is_ready)

    with pytest.raises(
        EmbeddedError, match=r"(?s)web did not start \(exit 1\); its log is .*web\.log\n    a missing thing"
    ):
        await child.start()


async def test_child__that_never_gets_ready__is_ended(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "START_SECONDS", 0.2)

    async def is_ready(_pid: int) -> bool:
        return False

    child = stand.run("import time; time.sleep(60)", is_ready=is_ready)

    with pytest.raises(EmbeddedError, match="web did not start"):
        await child.start()
    assert child.pid is None


async def test_stop__of_a_child_that_will_not__kills_it_and_its_children(stand: Stand) -> None:
    stubborn = "import signal, subprocess, time; signal.signal(15, signal.SIG_IGN); subprocess.Popen(['sleep', '60'])"
    child = stand.run(f"{stubborn}; time.sleep(60)", stop_seconds=0.3)
    await child.start()
    assert child.pid
    leader = psutil.Process(child.pid)
    await stand.wait_until(lambda: len(leader.children()) == 1)
    [grandchild] = leader.children()

    await child.stop()

    assert not is_alive(leader)
    assert not is_alive(grandchild)


async def test_stop__while_it_waits_to_start_again__does_not_start_it(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "BACK_OFF_SECONDS", (0.2,))
    child = stand.run("raise SystemExit(1)")
    await child.start()
    await stand.wait_until(lambda: len(stand.said) == 1)

    await child.stop()
    await asyncio.sleep(0.4)

    assert child.pid is None
    assert len(stand.said) == 1


async def test_child__that_says_a_very_long_line__is_read_on(stand: Stand) -> None:
    child = stand.run("import time; print('x' * 3_000_000); print('and on'); time.sleep(60)")

    await child.start()

    log = stand.folder / "web.log"
    await stand.wait_until(lambda: log.read_text().endswith("and on\n"))
