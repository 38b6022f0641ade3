"""What a rerun gets of a trace: originals, numbered as the SDK counts, and the reasons for what it does not get."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest
from django.conf import settings
from elasticdash_sdk.capture.event import WorkflowEvent
from elasticdash_sdk.interceptors.telemetry_push import HttpRunContext, set_http_run_context
from elasticdash_sdk.interceptors.tool import wrap_tool

from observability.ingest.sdk.trace_ids import make_unattributed_trace_id
from observability.models import Project
from observability.selectors.traces import get_trace
from reruns.models import RunConfig
from reruns.selectors.replay import find_workflow_input, list_slots, load_frozen_events
from reruns.selectors.run_configs import get_run_settings
from tests.records import make_event, write
from tests.reruns.conftest import SESSION, TRACE, find_ids, write_trace

SECRET = "sk-live-0123456789abcdef0123456789"


def freeze(project: Project, trace_id: str = TRACE) -> tuple[list[dict[str, Any]], dict[int, str]]:
    frozen, reasons = load_frozen_events(project.pk, list_slots(project.pk, get_trace(project.pk, trace_id)))
    return json.loads(msgspec.json.encode(frozen)), reasons


def write_call(project: Project, **fields: Any) -> None:
    shared: dict[str, Any] = {"parent_span_id": "root", "source": "sdk", "session_id": SESSION}
    write(project.pk, make_event(TRACE, "call", at=1, sdk_event_id=2, **{"output": b"1", **shared, **fields}))


@pytest.mark.usefixtures("store")
def test_frozen__calls_of_a_trace__are_numbered_from_one_without_workflow_and_side_effects(project: Project) -> None:
    write_trace(project)
    ids = find_ids(project)

    frozen, reasons = freeze(project)

    assert reasons == {}
    assert [(item["id"], item["type"], item["originalId"], item["eventDbId"]) for item in frozen] == [
        (1, "tool", 59, ids["a"]),
        (2, "tool", 60, ids["b"]),
        (3, "ai", 61, ids["c"]),
        (4, "http", 63, ids["e"]),
        (5, "db", 64, ids["f"]),
    ]
    assert frozen[2]["usage"] == {"inputTokens": 3}
    assert (frozen[1]["input"], frozen[1]["output"]) == ({"sku": "A"}, 19.9)


@pytest.mark.usefixtures("store")
def test_frozen__ids_out_of_the_order_of_time__follow_the_ids(project: Project) -> None:
    shared: dict[str, Any] = {"parent_span_id": "root", "source": "sdk", "session_id": SESSION, "output": b"1"}
    write(
        project.pk,
        make_event(TRACE, source="sdk", session_id=SESSION, sdk_event_id=1),
        make_event(TRACE, "x", at=2, name="first", sdk_event_id=2, **shared),
        make_event(TRACE, "y", at=1, name="second", sdk_event_id=3, **shared),
    )

    frozen, _ = freeze(project)

    assert [item["name"] for item in frozen] == ["first", "second"]


@pytest.mark.usefixtures("store")
def test_frozen__calls_sent_without_a_trace_id__are_among_them(project: Project) -> None:
    write_trace(project)
    other = make_unattributed_trace_id(SESSION)
    write(
        project.pk,
        make_event(
            other,
            "n",
            at=2.5,
            kind="http",
            name="GET",
            sdk_event_id=100,
            source="sdk",
            session_id=SESSION,
            parent_span_id="",
            output=b'{"body": "ok"}',
        ),
    )

    frozen, _ = freeze(project)

    assert [(item["id"], item["name"]) for item in frozen][-1] == (6, "GET")


@pytest.mark.usefixtures("store")
def test_frozen__redacted_call__has_its_originals(project: Project) -> None:
    write_call(
        project,
        name=f"tool {SECRET}",
        input=json.dumps({"api_key": SECRET}).encode(),
        output=json.dumps({"password": "hunter2"}).encode(),
        extra=json.dumps({"stream_raw": f"data: {SECRET}", "streamed": True}).encode(),
    )

    (item,), reasons = freeze(project)

    assert reasons == {}
    assert item["name"] == f"tool {SECRET}"
    assert (item["input"], item["output"]) == ({"api_key": SECRET}, {"password": "hunter2"})
    assert (item["streamed"], item["streamRaw"]) == (True, f"data: {SECRET}")


@pytest.mark.usefixtures("store")
def test_frozen__redacted_without_an_encryption_key__is_not_and_says_why(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ENCRYPTION_KEYS", [])
    write_call(project, output=json.dumps({"password": "hunter2"}).encode())

    frozen, reasons = freeze(project)

    assert frozen == []
    assert list(reasons.values()) == ["Its output was redacted, and the original is not kept."]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"lasts": None, "output": None}, "It had not ended."),
        ({"kind": "ai", "output": None}, "Its answer was not recorded."),
        ({"extra": b'{"streamed": true}'}, "It was streamed, and the stream was not recorded."),
        (
            {"kind": "ai", "output": b'"(streamed)"', "extra": b'{"streamed": true}'},
            "It was streamed, and its text was not recorded.",
        ),
        ({"kind": "db", "output": b'"[3 rows]"'}, "Only the number of its rows was recorded."),
        (
            {"kind": "http", "name": "https://shop.example/", "output": b'{"status":200}'},
            "Only the status of its answer was recorded.",
        ),
    ],
)
def test_frozen__call_that_cannot_be__keeps_its_number_and_says_why(
    fields: dict[str, Any], reason: str, project: Project
) -> None:
    write_call(project, **fields)
    write(project.pk, make_event(TRACE, "next", at=2, name="next", sdk_event_id=3, parent_span_id="root", source="sdk"))

    frozen, reasons = freeze(project)

    assert [(item["id"], item["name"]) for item in frozen] == [(2, "next")]
    assert list(reasons.values()) == [reason]


@pytest.mark.usefixtures("store")
def test_frozen__project_that_captures_no_outputs__has_none(project: Project) -> None:
    project.capture_outputs = False
    project.save()
    write_call(project)

    assert freeze(project) == ([], {find_ids(project)["call"]: "The project does not capture outputs."})


@pytest.mark.usefixtures("store")
def test_frozen__value_over_a_mebibyte__is_whole(project: Project) -> None:
    write_call(project, output=json.dumps("x" * 2**21).encode())

    (item,), _ = freeze(project)

    assert len(item["output"]) == 2**21


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("wanted", "ids"), [([], [1, 2, 3, 4, 5]), (["b", "e"], [2, 4])])
def test_run_settings__chosen_events__keep_their_places(wanted: list[str], ids: list[int], project: Project) -> None:
    write_trace(project)
    numbers = find_ids(project)
    config = RunConfig(project=project, trace_id=TRACE, frozen_event_ids=[numbers[name] for name in wanted])

    assert [item.id for item in get_run_settings(config).frozen_events] == ids


def _write_tool_that_calls(project: Project, *, output: bytes = b"1") -> dict[str, int]:
    """Store a run of a tool that makes an http call, and a tool after it; return the events' numbers."""
    shared: dict[str, Any] = {"parent_span_id": "root", "source": "sdk", "session_id": SESSION}
    write(
        project.pk,
        make_event(TRACE, source="sdk", session_id=SESSION, sdk_event_id=1, input=b"1"),
        make_event(TRACE, "outer", at=1, lasts=4, name="look_up", sdk_event_id=2, output=output, **shared),
        make_event(TRACE, "inner", at=2, lasts=2, kind="http", name="fetch", sdk_event_id=3, output=b"{}", **shared),
        make_event(TRACE, "next", at=6, name="price", sdk_event_id=4, output=b"2", **shared),
    )
    return find_ids(project)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        # The call inside does not happen, so the SDK counts the next tool as its second.
        ([], {"outer": 1, "next": 2}),
        (["outer"], {"outer": 1}),
        # It does happen in a tool that runs.
        (["inner", "next"], {"inner": 2, "next": 3}),
        (["next"], {"next": 3}),
    ],
)
def test_run_settings__call_inside_a_tool__is_counted_as_the_client_will(
    wanted: list[str], sent: dict[str, int], project: Project
) -> None:
    numbers = _write_tool_that_calls(project)
    config = RunConfig(project=project, trace_id=TRACE, frozen_event_ids=[numbers[name] for name in wanted])

    found = {item.event_db_id: item.id for item in get_run_settings(config).frozen_events}

    assert found == {numbers[name]: place for name, place in sent.items()}


@pytest.mark.usefixtures("store")
def test_run_settings__call_inside_a_tool_that_cannot_be_frozen__keeps_its_place(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ENCRYPTION_KEYS", [])
    _write_tool_that_calls(project, output=json.dumps({"password": "hunter2"}).encode())

    found = get_run_settings(RunConfig(project=project, trace_id=TRACE))

    assert [(item.id, item.name) for item in found.frozen_events] == [(2, "fetch"), (3, "price")]
    assert [(item.id, item.name) for item in found.not_frozen] == [(1, "look_up")]


@pytest.mark.usefixtures("store")
def test_run_settings__freezing_nothing__has_no_events(project: Project) -> None:
    write_trace(project)

    assert get_run_settings(RunConfig(project=project, trace_id=TRACE, freezes_nothing=True)).frozen_events == []


@pytest.mark.usefixtures("store")
def test_workflow_input__redacted__is_the_original(project: Project) -> None:
    write_trace(project, input=json.dumps({"token": SECRET}).encode())

    given = find_workflow_input(project.pk, get_trace(project.pk, TRACE))

    assert given is not None
    assert json.loads(given) == {"token": SECRET}


@pytest.mark.usefixtures("store")
def test_workflow_input__not_recorded__is_unknown(project: Project) -> None:
    write_trace(project, input=None)

    assert find_workflow_input(project.pk, get_trace(project.pk, TRACE)) is None


@pytest.mark.usefixtures("store")
def test_frozen__given_to_the_published_client__answer_its_calls(project: Project) -> None:
    write_trace(project)
    frozen, _ = freeze(project)
    events = {
        item["id"]: WorkflowEvent(
            id=item["id"],
            type=item["type"],
            name=item["name"],
            input=item["input"],
            output=item["output"],
            timestamp=item["timestamp"],
            duration_ms=item["durationMs"],
        )
        for item in frozen
    }
    numbers = iter(range(1, 100))
    ran: list[str] = []

    def search(query: str) -> Awaitable[None] | list[int]:
        ran.append("search")
        return [0]

    def price(sku: str) -> float:
        ran.append("price")
        return 0

    set_http_run_context(
        HttpRunContext(
            run_id="r", dashboard_url="http://127.0.0.1:9", next_id=lambda: next(numbers), frozen_events=events
        )
    )
    try:
        outputs = [wrap_tool("search", search)("tarp"), wrap_tool("price", price)("A")]
    finally:
        set_http_run_context(None)

    assert outputs == [[1, 2], 19.9]
    assert ran == []
