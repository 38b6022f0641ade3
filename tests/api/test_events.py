from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from observability.models import Event, Project
from observability.services.keys import NewKey
from tests.api.conftest import TRACE_ID, Api, write_trace
from tests.records import at, make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")
EVENTS = f"traces/{TRACE_ID}/events"


def _spans(api: Api, **query: Any) -> list[str]:
    return [event["span_id"] for event in api.get(EVENTS, **query).json()["items"]]


def test_list__parameters__reach_the_window(project: Project, key_api: Api) -> None:
    write_trace(project)

    assert _spans(key_api) == ["root", "tool", "call"]
    assert _spans(key_api, max_depth=0) == ["root"]
    assert _spans(key_api, to=at(1.5).isoformat()) == ["root", "tool"]
    assert _spans(key_api, **{"from": at(2.5).isoformat()}) == ["call"]
    assert _spans(key_api, limit=2, cursor=key_api.get(EVENTS, limit=1).json()["next_cursor"]) == ["tool", "call"]


def test_list__previews_false__left_out(project: Project, key_api: Api) -> None:
    write_trace(project)

    with_them, without = (key_api.get(EVENTS, previews=flag).json()["items"][0] for flag in ("true", "false"))

    assert with_them["output_preview"] == "answer"
    assert "output_preview" not in without


def test_list__since__what_changed_after_it(project: Project, key_api: Api) -> None:
    write_trace(project)
    since = key_api.get(EVENTS).json()["since"]
    write(project.pk, make_event(TRACE_ID, "new", at=3, parent_span_id="root"))

    assert _spans(key_api, since=since) == ["new"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 10_001}, "limit"),
        ({"max_depth": -1}, "max_depth"),
        ({"since": "x"}, "since"),
        ({"cursor": "x"}, "cursor"),
        ({"previews": "1"}, "previews"),
        ({"depth": "1"}, "depth"),
    ],
    ids=str,
)
def test_list__parameter_that_cannot_be_used__is_named(project: Project, key_api: Api, query: Any, field: str) -> None:
    write_trace(project)

    response = key_api.get(EVENTS, **query)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert field in response.json()["detail"]


def test_get__an_event__with_its_values_as_sent(project: Project, key_api: Api) -> None:
    write_trace(project)

    response = key_api.get(f"{EVENTS}/root")

    assert b'{"question": 1.10}' in response.content
    event = response.json()
    assert event["input"] == {"state": "present", "value": {"question": 1.1}, "preview": None, "size_bytes": 18}
    assert event["error_stack"]["state"] == "absent"


def test_get__by_number__the_same_event(project: Project, key_api: Api) -> None:
    write_trace(project)
    number = Event.objects.get(span_id="root").id

    assert key_api.get(f"events/{number}").json() == key_api.get(f"{EVENTS}/root").json()
    assert key_api.get("events/999999999999999999").status_code == 404


def test_value__large__streamed_whole_with_its_size(project: Project, key_api: Api) -> None:
    value = json.dumps(["ü" * 700_000] * 3, ensure_ascii=False).encode()
    write(project.pk, make_event("t", input=value))

    response = key_api.get("traces/t/events/root/values/input")

    assert b"".join(response.streaming_content) == value
    assert response["Content-Length"] == str(len(value))
    assert response["Content-Type"] == "application/json"


def test_value__large__sent_piece_by_piece_by_an_asynchronous_server(project: Project, api_key: NewKey) -> None:
    value = b'"' + b"x" * 3_000_000 + b'"'
    write(project.pk, make_event("t", input=value))

    pieces = async_to_sync(_read_pieces)("/api/observability/traces/t/events/root/values/input", api_key.text)

    assert b"".join(pieces) == value
    assert max(map(len, pieces)) < 2**20


async def _read_pieces(path: str, key: str) -> list[bytes]:
    response: Any = await AsyncClient().get(path, headers={"api-key": key})
    return [piece async for piece in response.streaming_content]


def test_value__none_or_unknown_field__not_found(project: Project, key_api: Api) -> None:
    write_trace(project)

    missing = key_api.get(f"{EVENTS}/root/values/extra")
    assert (missing.status_code, missing.json()["detail"]) == (404, "The event has no extra: none was sent.")
    assert key_api.get(f"{EVENTS}/root/values/replay_input").status_code == 404


def test_logs__parameters__reach_the_filters(project: Project, key_api: Api) -> None:
    write(
        project.pk,
        make_log("t", "a"),
        make_log("t", "b", at=1, level="error", stream="stderr", span_id="s", fields=b'{"n": 1}'),
    )

    def messages(**query: Any) -> list[str]:
        return [line["message"] for line in key_api.get("traces/t/logs", **query).json()["items"]]

    assert messages() == ["a", "b"]
    assert messages(level="error") == messages(stream="stderr") == messages(span_id="s") == ["b"]
    assert messages(limit=1, cursor=key_api.get("traces/t/logs", limit=1).json()["next_cursor"]) == ["b"]
    assert messages(since=key_api.get("traces/t/logs").json()["since"]) == []
    assert key_api.get("traces/t/logs", level="loud").status_code == 400
