"""`/metrics`: who is answered, and figures of several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from config.env import BASE_DIR
from config.metrics import FOLDER_VARIABLE, write_metrics
from debugconsole.levels import TIMEOUT_SECONDS

pytestmark = pytest.mark.django_db
FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_metrics__from_this_machine__are_shown(client: Client, address: str) -> None:
    answer = client.get("/metrics", REMOTE_ADDR=address)

    assert answer.status_code == 200
    assert answer["content-type"].startswith("text/plain")
    assert b"# TYPE playhead_commit_seconds histogram" in answer.content


@pytest.mark.parametrize("address", ["192.0.2.7", "::ffff:192.0.2.7", "", "unix:"])
def test_metrics__from_elsewhere__look_as_if_there_were_none(client: Client, address: str) -> None:
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 404


@pytest.mark.parametrize("header", FORWARDED)
def test_metrics__through_a_proxy_on_this_machine__look_as_if_there_were_none(client: Client, header: str) -> None:
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404


def test_metrics__behind_a_proxy_that_says_nothing__look_as_if_there_were_none(
    client: Client, settings: Settings
) -> None:
    settings.IS_BEHIND_PROXY = True

    assert client.get("/metrics").status_code == 404


def test_metrics__token_set__are_for_whoever_says_it_and_nobody_else(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "s3cret"

    assert (
        client.get("/metrics", headers={"authorization": "Bearer s3cret"}, REMOTE_ADDR="192.0.2.7").status_code == 200
    )
    assert client.get("/metrics", headers={"authorization": "Bearer other"}).status_code == 404
    assert client.get("/metrics").status_code == 404


def test_metrics__server_of_the_streams_away__say_so(client: Client, settings: Settings) -> None:
    settings.DEBUG_CONSOLE_ENABLED = True
    settings.DEBUG_REDIS_URL = "unix:///nonexistent/valkey.sock"

    answer = client.get("/metrics")

    assert b"debug_redis_up 0.0" in answer.content
    assert TIMEOUT_SECONDS <= 1


def test_metrics__console_off__ask_no_server(client: Client, settings: Settings) -> None:
    settings.DEBUG_CONSOLE_ENABLED = False

    assert b"debug_redis_up" not in client.get("/metrics").content


_PROCESS = """
import sys
from debugconsole.metrics import OPEN, RECONNECTS
RECONNECTS.inc(int(sys.argv[1])); OPEN.set(int(sys.argv[1]))
print("counted", flush=True)
sys.stdin.read()
"""


def test_metrics__two_processes_and_one_that_is_gone__are_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Counters of all three; levels of those that live."""
    settings.DEBUG_CONSOLE_ENABLED = False
    environment = {**os.environ, FOLDER_VARIABLE: str(tmp_path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS, amount],
            cwd=BASE_DIR,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for amount in ("1", "2", "4")
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "counted\n"
    processes[0].communicate()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))

    shown = write_metrics().decode()

    for process in processes[1:]:
        process.communicate()
    assert "debug_reader_reconnects_total 7.0" in shown
    assert "debug_sessions_open 6.0" in shown
