"""`manage.py up` as an operator meets it: real processes in a data folder of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from config.env import BASE_DIR

pytestmark = pytest.mark.slow

# What the machine of the tests has set, a bare one has not.
_ADDRESSES = ("DATABASE_URL", "REDIS_URL", "PLAYHEAD_DATA")


def wait_until(condition: Callable[[], bool], *, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Up:
    """One `manage.py up`."""

    def __init__(self, data: Path, environment: dict[str, str] | None = None, *, port: int | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = port or int(probe.getsockname()[1])
        self.data = data
        self.address = f"http://127.0.0.1:{self.port}"
        self._output = data.parent / f"up-{self.port}.txt"
        inherited = {name: value for name, value in os.environ.items() if name not in _ADDRESSES}
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port), "--data", str(data)],
                cwd=BASE_DIR,
                env={**inherited, **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._supervisor = psutil.Process(self._process.pid)

    @property
    def said(self) -> str:
        """Return what it printed until now."""
        return self._output.read_text()

    def wait_until_ready(self) -> Up:
        wait_until(lambda: "Playhead runs at" in self.said or self._process.poll() is not None, seconds=180)
        assert "Playhead runs at" in self.said, self.said
        return self

    def list_children(self) -> list[psutil.Process]:
        return self._supervisor.children(recursive=True)

    def list_own_children(self) -> list[int]:
        """Return the process ids of those it started itself."""
        return [child.pid for child in self._supervisor.children()]

    def find_child(self, words: str) -> psutil.Process:
        """Return the child with these words in its command, once there is one."""
        found: list[psutil.Process] = []

        def look() -> bool:
            # One that ends at this moment cannot be asked: look again.
            with suppress(psutil.Error):
                children = self._supervisor.children()
                found.extend(child for child in children if words in " ".join([child.name(), *child.cmdline()]))
            return bool(found)

        wait_until(look)
        return found[0]

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, *, seconds: float = 15) -> int:
        return self._process.wait(seconds)

    def end(self) -> None:
        """Stop it, whatever state a test left it in."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.address + path, timeout=20)

    def send_event(self, key: str, number: int) -> httpx.Response:
        event = {"id": number, "type": "tool", "name": "lookup", "traceId": f"desk::{number}::a", "durationMs": 1}
        event |= {"input": {"n": number}, "output": "found", "timestamp": int(time.time() * 1000)}
        body = {"sessionId": "up", "events": [event]}
        return httpx.post(f"{self.address}/api/observability/events", json=body, headers={"api-key": key}, timeout=20)

    def count_events(self) -> int:
        with psycopg.connect(json.loads((self.data / "run.json").read_text())["DATABASE_URL"]) as database:
            [count] = database.execute("SELECT count(*) FROM events").fetchone() or (-1,)
        return int(count)

    def run_doctor(self) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name not in _ADDRESSES}
        return subprocess.run(
            [sys.executable, "manage.py", "doctor", "--no-color"],
            cwd=BASE_DIR,
            env={**environment, "PLAYHEAD_DATA": str(self.data)},
            capture_output=True,
            text=True,
            check=False,
        )


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Up:
    """A first start, and its orderly end. The others start from copies of its data: that is the second start."""
    up = Up(tmp_path_factory.mktemp("first") / "data").wait_until_ready()
    up.end()
    return up


@pytest.fixture(scope="module")
def key(first: Up) -> str:
    match = re.search(r"API key +(\S+\.\S+)", first.said)
    assert match, first.said
    return match[1]


@pytest.fixture(scope="module")
def running(first: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One that runs while the tests look at it."""
    data = shutil.copytree(first.data, tmp_path_factory.mktemp("running") / "data")
    up = Up(data).wait_until_ready()
    yield up
    up.end()


@pytest.fixture
def start(first: Up, tmp_path: Path) -> Iterator[Callable[[], Up]]:
    """Start one on the test's own data; stopped at the end."""
    data = shutil.copytree(first.data, tmp_path / "data")
    started: list[Up] = []

    def start_one() -> Up:
        started.append(Up(data))
        return started[-1]

    yield start_one
    for up in started:
        up.end()


def test_up__for_the_first_time__prints_sign_in_key_and_quickstart(first: Up, key: str) -> None:
    assert "Applying" in first.said
    assert re.search(r"Sign in as +admin@localhost\n +Password +\S{12,}\n", first.said)
    assert f"curl {first.address}/api/observability/events -H 'api-key: {key}'" in first.said
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={first.address}" in first.said


def test_up__for_the_second_time__tells_no_secret(running: Up, key: str) -> None:
    assert key not in running.said
    assert "Password" not in running.said


def test_up__while_it_runs__is_alive_and_ready_without_a_login(running: Up) -> None:
    alive, ready = running.get("/healthz"), running.get("/readyz")

    assert (alive.status_code, ready.status_code) == (200, 200)


def test_up__while_it_runs__lets_other_commands_find_its_servers(running: Up) -> None:
    wait_until(lambda: running.run_doctor().returncode == 0, seconds=120)

    answer = running.run_doctor()

    assert "ok     worker" in answer.stdout
    assert "ok     beat" in answer.stdout


def test_up__on_a_data_folder_in_use__is_refused_in_one_line(running: Up) -> None:
    second = Up(running.data)

    assert second.wait() == 1
    assert re.fullmatch(r"playhead: Another `up` \(process \d+\) uses .*: stop it, or .* --data\.\n", second.said)
    assert running.get("/healthz").status_code == 200


def test_up__on_a_used_port__is_refused_in_one_line(running: Up, tmp_path: Path) -> None:
    second = Up(tmp_path / "data", port=running.port)

    assert second.wait() == 1
    assert re.fullmatch(r"playhead: Port \d+ on 127\.0\.0\.1 is in use: .* --port \d+\.\n", second.said)
    assert not second.data.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("web", "config.serve"),
        ("worker", "worker"),
        ("beat", "--pidfile"),
        ("valkey", "valkey-server"),
        ("postgres", "-D"),
    ],
)
def test_up__when_a_child_dies__starts_it_again_and_says_so(running: Up, key: str, name: str, words: str) -> None:
    dying = running.find_child(words)
    others = set(running.list_own_children()) - {dying.pid}
    said_before = running.said.count(f"{name} runs again")

    dying.kill()
    wait_until(lambda: running.said.count(f"{name} runs again") > said_before)

    assert f"{name} ended (SIGKILL), starting it again in" in running.said
    assert running.send_event(key, 1).status_code == 202
    assert running.get("/readyz").status_code == 200
    assert others <= set(running.list_own_children())


def test_up__with_two_web_processes__one_serves_on_while_the_other_is_replaced(tmp_path: Path) -> None:
    up = Up(tmp_path / "data", {"PLAYHEAD_WEB_PROCESSES": "2"}).wait_until_ready()
    serving = [child for child in up.list_children() if "config.serve" in " ".join(child.cmdline())]

    serving[1].kill()
    answers = {up.get("/readyz").status_code for _ in range(20)}
    wait_until(lambda: "runs again" in up.said)
    children = up.list_children()
    up.end()

    assert len(serving) == 2
    assert answers == {200}
    assert not [child for child in children if is_alive(child)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up__asked_to_stop__ends_every_child_and_exits_0(start: Callable[[], Up], number: int) -> None:
    up = start().wait_until_ready()
    children = up.list_children()

    up.send(number)

    assert up.wait() == 0
    assert up.said.endswith("\nStopping\nStopped\n")
    assert not [child for child in children if is_alive(child)]
    assert not (up.data / "run.json").exists()


def test_up__asked_to_stop_while_it_starts__ends_what_it_started(start: Callable[[], Up]) -> None:
    up = start()
    wait_until(lambda: "Preparing" in up.said)
    children = up.list_children()

    up.send(signal.SIGTERM)

    assert up.wait() == 0
    assert not [child for child in children if is_alive(child)]


def test_up__killed__takes_every_child_along_and_the_next_one_has_everything(start: Callable[[], Up], key: str) -> None:
    up = start().wait_until_ready()
    answers = [up.send_event(key, number).status_code for number in range(1, 21)]
    children = up.list_children()

    up.send(signal.SIGKILL)
    up.wait()
    wait_until(lambda: not any(is_alive(child) for child in children), seconds=10)
    again = start().wait_until_ready()

    assert len(children) >= 6
    assert answers == [202] * 20
    assert again.count_events() == 20


def test_up__with_both_addresses_given__starts_no_server(tmp_path: Path) -> None:
    given = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
    up = Up(tmp_path / "data", given).wait_until_ready()

    ready = up.get("/readyz")
    folders = {path.name for path in up.data.iterdir()}
    names = {child.name() for child in up.list_children()}
    up.end()

    assert ready.status_code == 200
    assert not {"postgres-18", "valkey"} & folders
    assert not {"postgres", "valkey-server"} & names


def test_up__with_an_address_that_nobody_answers__fails_in_one_line(tmp_path: Path) -> None:
    up = Up(tmp_path / "data", {"DATABASE_URL": "postgres://playhead@/playhead?host=/nonexistent"})

    assert up.wait(seconds=60) == 1
    assert "Postgres cannot be reached" in up.said
    assert "Traceback" not in up.said
