from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from config.asgi import application
from observability.models import Project, Role, Scope, Trace, User
from observability.selectors import trace_export
from observability.services.keys import NewKey, create_key
from observability.services.purge import purge_trace
from tests.api.conftest import Api
from tests.records import make_event, write

pytestmark = pytest.mark.usefixtures("store")


def _read(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def _read_ndjson(response: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _read(response).splitlines()]


def _write_many(project: Project, count: int) -> None:
    write(project.pk, *(make_event(f"t{number:02}", at=number, user_id=f"u{number % 2}") for number in range(count)))


def test_export__ndjson__the_rows_of_the_list_and_a_last_line(
    project: Project, key_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_export, "PAGE_ROWS", 3)
    _write_many(project, 20)

    response = key_api.get("traces-export", q="user:u0")

    *rows, end = _read_ndjson(response)
    assert rows == key_api.get("traces", q="user:u0").json()["items"]
    assert end == {"export": {"rows": 10, "is_complete": True, "next_cursor": None}}
    assert response["Content-Type"] == "application/x-ndjson"
    assert response["Content-Disposition"].startswith('attachment; filename="traces-2')


def test_export__limit__is_said_and_can_be_gone_on_from(project: Project, key_api: Api) -> None:
    _write_many(project, 5)

    *first, end = _read_ndjson(key_api.get("traces-export", limit=3))
    *rest, last = _read_ndjson(key_api.get("traces-export", cursor=end["export"]["next_cursor"]))

    assert [row["trace_id"] for row in first + rest] == ["t04", "t03", "t02", "t01", "t00"]
    assert (end["export"]["is_complete"], last["export"]["is_complete"]) == (False, True)


def test_export__events__each_trace_with_all_of_its_own(
    project: Project, key_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_export, "_EVENT_PAGE", 2)
    write(project.pk, *(make_event("a", f"s{number}", at=number) for number in range(5)), make_event("b", at=9))

    *rows, _ = _read_ndjson(key_api.get("traces-export", events="true"))

    assert [[event["span_id"] for event in row["events"]] for row in rows] == [["root"], ["s0", "s1", "s2", "s3", "s4"]]


def test_export__csv__columns_of_the_list_and_no_formula(project: Project, key_api: Api) -> None:
    write(
        project.pk,
        make_event("=cmd()", name='say "hi",\nthere', tags=("a", "b"), user_id="@u", cost_micros=5, kind="ai"),
    )

    response = key_api.get("traces-export", format="csv")

    names, row = csv.reader(io.StringIO(_read(response).decode(), newline=""))
    cells = dict(zip(names, row, strict=True))
    assert names == list(key_api.get("traces").json()["items"][0])
    assert (cells["trace_id"], cells["workflow_name"], cells["tags"]) == ("'=cmd()", 'say "hi",\nthere', "a; b")
    assert (cells["user_id"], cells["cost_micros"], cells["session_id"]) == ("'@u", "5", "")
    assert cells["started_at"].endswith("Z")
    assert response["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_export__text_like_a_formula__gets_an_apostrophe(text: str) -> None:
    assert trace_export.make_cell(text) == f"'{text}"
    assert trace_export.make_cell([text, "b"]) == f"'{text}; b"


def test_export__csv_cut_off__ends_with_a_line_that_says_so(project: Project, key_api: Api) -> None:
    _write_many(project, 3)

    lines = _read(key_api.get("traces-export", format="csv", limit=2)).decode().splitlines()

    assert len(lines) == 4
    assert lines[-1].startswith("# cut off after 2 rows: cursor=")


async def test_export__through_asgi__comes_in_pieces(
    project: Project, api_key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_export, "PAGE_ROWS", 2)
    await sync_to_async(_write_many)(project, 7)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/observability/traces-export",
        "query_string": b"format=csv",
        "headers": [(b"host", b"localhost"), (b"api-key", api_key.text.encode()), (b"accept", b"text/csv")],
    }
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(asked, None) or await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)  # type: ignore[arg-type]

    pieces = [message["body"] for message in sent if message.get("body")]
    assert sent[0]["status"] == 200
    assert len(pieces) == 5
    assert b"".join(pieces).count(b"\r\n") == 8


def test_delete_many__some_of_them__each_answered_and_restored(project: Project, owner: User) -> None:
    _write_many(project, 3)
    api = Api(user=owner)

    deleted = api.post("traces-delete", {"trace_ids": ["t00", "never", "t02", "t00", "a\x00"]}).json()
    assert deleted == {
        "items": [
            {"trace_id": "t00", "result": "deleted"},
            {"trace_id": "never", "result": "not_found"},
            {"trace_id": "t02", "result": "deleted"},
            {"trace_id": "a\x00", "result": "not_found"},
        ],
        "done": 2,
    }
    assert [trace["trace_id"] for trace in api.get("traces").json()["items"]] == ["t01"]
    restored = api.post("traces-restore", {"trace_ids": ["t02", "t01"]}).json()

    assert restored["items"] == [
        {"trace_id": "t02", "result": "restored"},
        {"trace_id": "t01", "result": "not_found"},
    ]
    assert [trace["trace_id"] for trace in api.get("traces").json()["items"]] == ["t02", "t01"]


def test_restore__purge_begun__too_late(project: Project, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_many(project, 1)
    api = Api(user=owner)
    api.post("traces-delete", {"trace_ids": ["t00"]})
    Trace.objects.filter(trace_id="t00").update(deleted_at="2026-01-01T00:00:00Z")
    purge_trace(project_id=project.pk, trace_id="t00")

    assert api.post("traces-restore", {"trace_ids": ["t00"]}).json()["done"] == 0


@pytest.mark.parametrize("path", ["traces-delete", "traces-restore"])
def test_change__viewer_stranger_and_keys__as_their_rights_are(
    project: Project, foreign_project: Project, teammate: User, viewer: User, stranger: User, key_api: Api, path: str
) -> None:
    _write_many(project, 1)
    admin = Api(key=create_key(project=project, name="Admin", scopes=[Scope.ADMIN]).text)
    body = {"trace_ids": ["t00"]}

    assert [Api(user=one).post(path, body).status_code for one in (viewer, stranger)] == [403, 200]
    assert Api(user=stranger).post(path, body).json()["done"] == 0
    assert Api(user=stranger).post(path, body, project=project.pk).status_code == 404
    assert [key_api.post(path, body).status_code, Api().post(path, body).status_code] == [403, 401]
    assert Trace.objects.get().deleted_at is None
    assert [api.post(path, body).status_code for api in (Api(user=teammate), admin)] == [200, 200]
    assert teammate.memberships.get().role == Role.ENGINEER


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"trace_ids": []},
        {"trace_ids": ["a"] * 501},
        {"trace_ids": [1]},
        {"trace_ids": [""]},
        {"ids": ["a"]},
        [],
        {"trace_ids": ["\ud800"]},
    ],
)
def test_change__body_that_cannot_be_used__is_named(project: Project, owner: User, body: Any) -> None:
    response = Api(user=owner).post("traces-delete", body)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
