"""What runs answered, whole: large outputs beside the rerun, small ones with it, and never more than fits."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from observability.models import Project, User
from observability.services.keys import NewKey
from observability.services.policies import forget_policies
from reruns.models import Run, Trigger
from reruns.selectors import triggers
from tests.reruns.conftest import TRACE
from tests.reruns.test_state_machine import ask

API = "/api/observability"
LARGE = json.dumps(["ü" * 400_000, {"password": "hunter2"}], ensure_ascii=False).encode()
REDACTED = LARGE.replace(b"hunter2", b"[REDACTED]")

pytestmark = pytest.mark.usefixtures("trace")


@pytest.fixture
def client(rerun_key: NewKey) -> Client:
    return Client(headers={"api-key": rerun_key.text})


def _answer(client: Client, project: Project, *outputs: bytes, run_count: int = 1) -> str:
    """Have a rerun answered; return its address."""
    trigger = ask(project, run_count=run_count)
    path = f"{API}/triggers/{trigger.pk}"
    for output in outputs:
        taken = client.generic("POST", f"{path}/results", b'{"ok": true, "output": %s}' % output, "application/json")
        assert taken.status_code == HTTPStatus.OK, taken.content
    return path


def test_output__large__is_previewed_with_the_rerun_and_streamed_whole(client: Client, project: Project) -> None:
    path = _answer(client, project, LARGE)

    (shown,) = client.get(path).json()["runItems"]
    response: Any = client.get(f"{path}/runs/1/output")

    assert (shown["output"], shown["outputBytes"]) == (None, len(REDACTED))
    assert REDACTED.decode().startswith(shown["outputPreview"].rstrip("\ufffd"))
    assert b"".join(response.streaming_content) == REDACTED
    assert (response["Content-Length"], response["Content-Type"]) == (str(len(REDACTED)), "application/json")


def test_output__a_range_of_it__is_that_part(client: Client, project: Project) -> None:
    path = _answer(client, project, LARGE)

    part: Any = client.get(f"{path}/runs/1/output", headers={"range": "bytes=2-5"})

    assert (part.status_code, b"".join(part.streaming_content)) == (206, REDACTED[2:6])
    assert client.get(f"{path}/runs/1/output", headers={"range": "bytes=9999999-"}).status_code == 416


def test_output__under_an_asynchronous_server__comes_whole(client: Client, project: Project, rerun_key: NewKey) -> None:
    path = _answer(client, project, LARGE)

    async def read() -> bytes:
        response: Any = await AsyncClient().get(f"{path}/runs/1/output", headers={"api-key": rerun_key.text})
        return b"".join([piece async for piece in response.streaming_content])

    assert async_to_sync(read)() == REDACTED


def test_output__of_several_runs_and_steps__is_the_one_named(client: Client, project: Project) -> None:
    path = _answer(client, project, b"1", b"2", run_count=3)

    second: Any = client.get(f"{path}/runs/2/output")
    missing = [client.get(f"{path}/runs/{place}") for place in ("3/output", "4/output", "1/output?step=1")]

    assert b"".join(second.streaming_content) == b"2"
    assert [(answer.status_code, answer.json()["detail"]) for answer in missing] == [
        (404, "The run has no output: it has not answered."),
        (404, "No such run."),
        (404, "No such run."),
    ]
    assert client.get(f"{path}/runs/1/output", {"step": "x"}).status_code == HTTPStatus.BAD_REQUEST


def test_output__none_given_or_not_captured__says_which(client: Client, project: Project) -> None:
    none = _answer(client, project, b"null")
    project.capture_outputs = False
    project.save()
    forget_policies()
    withheld = _answer(client, project, b"1")

    details = [client.get(f"{path}/runs/1/output").json()["detail"] for path in (none, withheld)]

    assert details == [
        "The run has no output: it gave none.",
        "The run has no output: the project does not capture outputs.",
    ]
    assert client.get(withheld).json()["runItems"][0]["isWithheld"]


def test_output__owner_teammate_viewer_stranger__only_members_see_it(
    client: Client, project: Project, owner: User, teammate: User, viewer: User, stranger: User
) -> None:
    path = _answer(client, project, b"1")
    statuses = []
    for person in (owner, teammate, viewer, stranger):
        visitor = Client()
        visitor.force_login(person)
        statuses.append(visitor.get(f"{path}/runs/1/output", {"project": project.pk}).status_code)

    assert statuses == [200, 200, 200, 404]
    assert Client().get(f"{path}/runs/1/output").status_code == HTTPStatus.UNAUTHORIZED


def test_trigger__more_outputs_than_come_along__later_ones_are_previewed(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triggers, "_ALL_INLINE_BYTES", 10)
    path = _answer(client, project, b'"12345"', b'"67890"', b"1", run_count=3)

    shown = [(item["output"], item["outputPreview"]) for item in client.get(path).json()["runItems"]]

    assert shown == [("12345", None), (None, '"67890"'), (1, None)]


def test_results__many_runs__are_placed_without_reading_outputs(
    client: Client, project: Project, django_assert_max_num_queries: Any
) -> None:
    path = _answer(client, project, *[b"1"] * 9, run_count=10)

    with django_assert_max_num_queries(25) as queries:
        client.generic("POST", f"{path}/results", b'{"ok": true, "output": 2}', "application/json")

    reads = [one["sql"] for one in queries if "trigger_runs" in one["sql"] and one["sql"].startswith("SELECT")]
    assert reads
    assert not any('"trigger_runs"."output",' in sql for sql in reads)
    assert (Trigger.objects.get(trace_id=TRACE).state, Run.objects.count()) == ("completed", 10)
