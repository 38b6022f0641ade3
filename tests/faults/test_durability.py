"""What was acknowledged is there, whatever is killed: count and content."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest

from observability.ingest.payloads import unpack
from tests.config.test_up import Up, wait_until
from tests.faults.flood import Flood, run_flood

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A whole product, its Postgres as durable as the real one."""
    running = Up(tmp_path_factory.mktemp("faults") / "data").wait_until_ready()
    yield running
    running.end()


@pytest.fixture(scope="module")
def key(up: Up) -> str:
    match = re.search(r"API key +(\S+\.\S+)", up.said)
    assert match, up.said
    return match[1]


def _kill_postgres(up: Up) -> None:
    """Kill every Postgres process at once, as a machine that loses power does."""
    processes = [child for child in up.list_children() if "postgres" in child.name()]
    assert processes
    for process in processes:
        process.send_signal(signal.SIGKILL)
    for process in processes:
        process.wait(10)


def _assert_all_there(up: Up, flood: Flood) -> None:
    """Compare what was acknowledged with the rows: none missing, none altered, none double, summaries exact."""
    database_url = json.loads((up.data / "run.json").read_text())["DATABASE_URL"]
    with psycopg.connect(database_url) as database:
        stored = database.execute(
            "SELECT e.trace_id, p.output FROM events AS e "
            "JOIN payloads AS p USING (project_id, trace_id, started_at, span_id) WHERE e.trace_id = ANY(%s)",
            [list(flood.acknowledged)],
        ).fetchall()
        counted = database.execute(
            "SELECT count(*), sum(event_count) FROM traces WHERE trace_id = ANY(%s)", [list(flood.acknowledged)]
        ).fetchone()
    outputs = {trace_id: json.loads(unpack(bytes(output))) for trace_id, output in stored}
    assert outputs == flood.acknowledged
    assert len(stored) == len(outputs)
    assert counted == (len(outputs), len(outputs))
    assert flood.unexpected == []


def _wait_until_answering(up: Up) -> None:
    def answers() -> bool:
        try:
            return up.get("/readyz").status_code == 200
        except OSError:
            return False

    wait_until(answers)


def test_web_killed_under_load__every_acknowledged_event_is_there(up: Up, key: str) -> None:
    with run_flood(up.address, key, name="web") as flood:
        for _ in range(2):
            flood.wait_for(len(flood.acknowledged) + 200)
            up.find_child("config.serve").send_signal(signal.SIGKILL)
        flood.wait_for(len(flood.acknowledged) + 200)

    _assert_all_there(up, flood)


def test_postgres_killed_under_load__every_acknowledged_event_is_there(up: Up, key: str) -> None:
    with run_flood(up.address, key, name="postgres") as flood:
        for _ in range(2):
            flood.wait_for(len(flood.acknowledged) + 200)
            _kill_postgres(up)
        flood.wait_for(len(flood.acknowledged) + 200)

    _assert_all_there(up, flood)


def test_postgres_frozen__503_with_retry_after__then_recovers(up: Up, key: str) -> None:
    _wait_until_answering(up)
    processes = [child for child in up.list_children() if "postgres" in child.name()]
    with run_flood(up.address, key, name="frozen") as flood:
        flood.wait_for(100)
        for process in processes:
            process.suspend()
        time.sleep(2)
        for process in processes:
            process.resume()
        flood.wait_for(len(flood.acknowledged) + 200)

    _assert_all_there(up, flood)


def test_valkey_killed_and_gone__ingest_unaffected(up: Up, key: str) -> None:
    _wait_until_answering(up)
    valkey = up.find_child("valkey-server")
    with run_flood(up.address, key, name="valkey") as flood:
        flood.wait_for(50)
        valkey.suspend()
        before = len(flood.acknowledged)
        flood.wait_for(before + 400)
        valkey.resume()
        up.find_child("valkey-server").send_signal(signal.SIGKILL)
        flood.wait_for(len(flood.acknowledged) + 400)

    assert flood.refused == 0
    _assert_all_there(up, flood)
