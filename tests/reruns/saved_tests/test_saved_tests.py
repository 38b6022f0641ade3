"""A run saved as a test: run by pytest in another process, without a network, over code as it was and as it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry

from observability.models import Project, User
from observability.services.keys import NewKey
from tests.records import make_event, write
from tests.reruns.api.test_access import API, Api

TRACE = "shop::1795202677943::c1de2abc"
SAVED = f"{API}/saved-tests"
SECRET = "sk-live-0123456789abcdef0123456789"
APP = """
import httpx
from elasticdash_sdk import ed_tool
from elasticdash_sdk.interceptors import wrap_ai
from elasticdash_sdk.interceptors.db import wrap_db


class Database:
    def count(self, sql):
        raise RuntimeError("the database was asked")


database = Database()
wrap_db(database, ["count"], label="shop")


@ed_tool
def search(query: str, key: str) -> list:
    raise RuntimeError("the tool really ran")


async def really_classify(text):
    raise RuntimeError("the model was asked")

classify = wrap_ai("intent-small", really_classify)


async def workflow(given):
    found = search(query=given["question"], key="sk-live-0123456789abcdef0123456789")
    label = await classify(given["question"])
    stock = database.count("SELECT count(*) FROM stock")
    async with httpx.AsyncClient() as client:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": f"{label} {found}"}]}
        answer = await client.post("https://api.openai.com/v1/chat/completions", json=body)
    return {"text": answer.json()["choices"][0]["message"]["content"], "stock": stock}
"""
NO_NETWORK = """
import socket

def refuse(*arguments, **named):
    raise AssertionError("the network was used")

socket.socket.connect = socket.getaddrinfo = refuse
"""
MODEL_INPUT = (
    b'{"messages": [{"role": "user", "content": "product [1, 2]"}], "provider": "openai", "model": "gpt-4o", '
    b'"llmRequest": {"model": "gpt-4o"}}'
)


@pytest.fixture
def recorded(store: None, project: Project) -> str:
    """The run of the application above, as the client records it; its key is redacted where it is shown."""
    shared: dict[str, Any] = {"parent_span_id": "root", "source": "sdk"}
    search = b'{"query": "tarp", "key": "%b"}' % SECRET.encode()
    write(
        project.pk,
        make_event(
            TRACE,
            workflow_name="shop",
            source="sdk",
            sdk_event_id=1,
            input=b'{"question": "tarp"}',
            output=b'{"text": "Two tarps.", "stock": 7}',
        ),
        make_event(TRACE, "a", at=1, name="search", sdk_event_id=2, input=search, output=b"[1, 2]", **shared),
        make_event(
            TRACE,
            "b",
            at=2,
            kind="ai",
            name="intent-small",
            sdk_event_id=3,
            input=b'"tarp"',
            output=b'"product"',
            **shared,
        ),
        make_event(
            TRACE,
            "c",
            at=3,
            kind="db",
            name="shop.count",
            sdk_event_id=4,
            input=b'"SELECT count(*) FROM stock"',
            output=b"7",
            **shared,
        ),
        make_event(
            TRACE,
            "d",
            at=4,
            kind="ai",
            name="gpt-4o",
            sdk_event_id=5,
            input=MODEL_INPUT,
            output=b'"Two tarps."',
            **shared,
        ),
    )
    return TRACE


def save(key: NewKey, **body: Any) -> Any:
    return Api(key=key.text).call("POST", SAVED, {"traceId": TRACE, "function": "app:workflow", **body})


def run(folder: Path, *, app: str = APP) -> subprocess.CompletedProcess[str]:
    """Run what lies in a folder beside an application, as anybody would."""
    (folder / "app.py").write_text(app)
    (folder / "conftest.py").write_text(NO_NETWORK)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTEST", "PLAYHEAD"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:django", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def folder(recorded: str, rerun_key: NewKey, tmp_path: Path) -> Path:
    answer = save(rerun_key)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Disposition"] == 'attachment; filename="test_shop_c1de2abc.py"'
    (tmp_path / "test_shop_c1de2abc.py").write_bytes(answer.content)
    return tmp_path


def test_saved_test__of_the_code_as_it_was__passes_offline(folder: Path) -> None:
    done = run(folder)

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('query=given["question"]', 'query="stove"', 'call 1: tool search with {"key"'),
        ("found = search(", "search(query='more', key='x'); found = search(", 'call 1: tool search with {"key":"x"'),
        ("label = await classify", "label = classify and 'product'; str", "call 2: db shop.count"),
        ('f"{label} {found}"', '"Hello"', "call 4: ai gpt-4o with"),
        ('"stock": stock', '"stock": 8', 'assert \'{"stock":8'),
        (
            "    async with httpx.AsyncClient() as client:",
            "    return {}\n    async with httpx.AsyncClient() as client:",
            "it ended after 3 calls",
        ),
        ('return {"text"', 'search(query="again", key="y")\n    return {"text"', "the recording ends after 4 calls"),
    ],
)
def test_saved_test__of_code_that_changed__fails_and_says_where(old: str, new: str, said: str, folder: Path) -> None:
    assert old in APP

    done = run(folder, app=APP.replace(old, new))

    assert done.returncode == 1, done.stdout
    assert said in done.stdout


def test_saved_test__recorded_values__are_those_that_redaction_hides_from_pages(folder: Path) -> None:
    assert SECRET in (folder / "test_shop_c1de2abc.py").read_text()


def test_saved_test__call_that_is_not_recorded_well_enough__is_named_and_happens(
    store: None, project: Project, rerun_key: NewKey, tmp_path: Path
) -> None:
    shared: dict[str, Any] = {"parent_span_id": "root", "source": "sdk", "kind": "db", "name": "shop.list"}
    write(
        project.pk,
        make_event(TRACE, workflow_name="shop", source="sdk", sdk_event_id=1),
        make_event(TRACE, "a", at=1, sdk_event_id=2, input=b'"SELECT 1"', output=b'"[2 rows]"', **shared),
    )
    app = APP.replace('["count"]', '["list"]').replace(
        'def count(self, sql):\n        raise RuntimeError("the database was asked")',
        "def list(self, sql):\n        return [1, 2]",
    )
    app = app.split("async def workflow")[0] + "def workflow():\n    return database.list('SELECT 1')\n"

    text = save(rerun_key).content.decode()
    (tmp_path / "test_it.py").write_text(text)
    done = run(tmp_path, app=app)

    assert "1. db shop.list: Only the number of its rows was recorded." in text
    assert done.returncode == 0, done.stdout


def test_saved_test__whoever_gets_one__is_in_the_audit_log(
    recorded: str, teammate: User, project: Project, rerun_key: NewKey
) -> None:
    Api(user=teammate).call("POST", f"{SAVED}?project={project.pk}", {"traceId": TRACE})
    save(rerun_key)

    found = LogEntry.objects.filter(action=LogEntry.Action.ACCESS, object_pk=str(project.pk)).order_by("pk")
    assert [(entry.actor, entry.additional_data["saved_test"]) for entry in found] == [(teammate, TRACE), (None, TRACE)]


def test_saved_test__who_may__is_who_may_rerun(
    recorded: str, api_key: NewKey, foreign_key: NewKey, viewer: User, stranger: User, project: Project
) -> None:
    path = f"{SAVED}?project={project.pk}"

    assert save(api_key).status_code == 403
    assert save(foreign_key).status_code == 404
    assert Api(user=viewer).call("POST", path, {"traceId": TRACE}).status_code == 403
    assert Api(user=stranger).call("POST", path, {"traceId": TRACE}).status_code == 404
    assert not LogEntry.objects.filter(action=LogEntry.Action.ACCESS).exists()


@pytest.mark.parametrize("function", ["app", "app:", "import os; os:x", "app:run()", "a b:c", "app:work\nflow"])
def test_saved_test__function_that_is_none__is_refused(function: str, recorded: str, rerun_key: NewKey) -> None:
    answer = save(rerun_key, function=function)

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("function: give module:function")


def test_saved_test__hostile_names__stay_text(store: None, project: Project, rerun_key: NewKey) -> None:
    hostile = 'x"""\nimport os\nos.abort()\n"""«CALLS»\\'
    write(
        project.pk,
        make_event(TRACE, workflow_name=hostile, source="sdk"),
        make_event(TRACE, "a", at=1, name=hostile, parent_span_id="root", source="sdk", input=b'"\\"\\"\\"\'\'\'"'),
    )

    text = save(rerun_key).content.decode()

    compile(text, "test.py", "exec")
    assert not [line for line in text.splitlines() if line.strip() in ("import os", "os.abort()")][1:]
