from __future__ import annotations

from typing import Any

import pytest

from observability.models import Project
from tests.api.conftest import TRACE_ID, Api, write_trace
from tests.records import START, at, make_event, write

pytestmark = pytest.mark.usefixtures("store")


def _ids(api: Api, **query: Any) -> list[str]:
    return [trace["trace_id"] for trace in api.get("traces", **query).json()["items"]]


def test_list__a_trace__snake_case_and_both_spellings_of_cost(project: Project, key_api: Api) -> None:
    write(project.pk, make_event("a", kind="ai", cost_micros=1_500_000), make_event("b", at=1))

    unpriced, priced = key_api.get("traces").json()["items"]

    assert (priced["cost_micros"], priced["cost_usd"]) == (1_500_000, "1.500000")
    assert (unpriced["cost_micros"], unpriced["cost_usd"]) == (None, None)
    assert all(name == name.lower() for name in priced)


@pytest.mark.parametrize(
    "query",
    [
        {"q": "status:error"},
        {"q": "status:error,running model:gpt*"},
        {"q": "overdraft"},
        {"q": " wanted "},
        {"trace_id": ["wanted", "never"]},
        {"from": at(10).isoformat(), "to": at(11).isoformat()},
        {"from": at(10).strftime("%Y-%m-%dT%H:%M:%S"), "to": at(11).strftime("%Y-%m-%dT%H:%M:%SZ")},
    ],
    ids=str,
)
def test_list__parameter__reaches_the_filter_of_its_name(project: Project, key_api: Api, query: Any) -> None:
    known: dict[str, Any] = {
        "session_id": "s",
        "user_id": "u",
        "environment": "prod",
        "service_name": "desk",
        "correlation_id": "c",
    }
    wanted: dict[str, Any] = {
        "kind": "ai",
        "name": "refund",
        "model": "gpt-5",
        "cost_micros": 600_000,
        "status": "error",
        "tags": ("beta",),
    }
    write(
        project.pk,
        make_event("before", at=0, lasts=1),
        make_event("wanted", at=10, lasts=2, input=b'"overdraft"', **known, **wanted),
        make_event("after", at=20, lasts=1),
    )

    assert _ids(key_api, **query) == ["wanted"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "error"}, "status"),
        ({"trace_id": "a\x00b"}, "trace_id"),
        ({"trace_id": ["a"] * 501}, "trace_id"),
        ({"statsu": "ok"}, "statsu"),
        ({"project": "\x00"}, "project"),
    ],
    ids=str,
)
def test_list__parameter_that_cannot_be_used__is_named(project: Project, key_api: Api, query: Any, field: str) -> None:
    response = key_api.get("traces", **query)

    assert response.status_code in {400, 404}
    assert field in response.json()["detail"].lower()
    assert response.json()["code"] in {"invalid", "not_found"}


@pytest.mark.parametrize(
    ("q", "position", "length", "message"),
    [
        ("status:error modle:x", 13, 5, "unknown field `modle`, did you mean `model`?"),
        ("  cost>much", 7, 4, "`cost` needs a number, such as 0.01"),
        ('a "b', 2, 2, 'unclosed quote: close it with `"`'),
        ("a\x00b", 1, 1, "a query cannot hold the character NUL"),
        ("x" * 1001, 1000, 1, "use at most 1000 characters"),
    ],
)
def test_list__query_that_cannot_be_read__says_where(
    project: Project, key_api: Api, q: str, position: int, length: int, message: str
) -> None:
    response = key_api.get("traces", q=q)

    assert response.status_code == 400
    assert response.json() == {
        "code": "invalid_query",
        "detail": f"q: {message}",
        "fields": {"q": [message]},
        "position": position,
        "length": length,
    }


def test_list__cursor_of_nobody__is_named(project: Project, key_api: Api) -> None:
    response = key_api.get("traces", cursor="nonsense")

    assert response.status_code == 400
    assert response.json() == {"code": "invalid", "detail": "cursor: not one that this list gave"}


def test_list__pages__follow_the_cursor(project: Project, key_api: Api) -> None:
    write(project.pk, *(make_event(f"t{number}", at=number) for number in range(5)))

    first = key_api.get("traces", limit=3).json()
    second = key_api.get("traces", limit=3, cursor=first["next_cursor"]).json()

    assert [trace["trace_id"] for trace in first["items"] + second["items"]] == ["t4", "t3", "t2", "t1", "t0"]
    assert second["next_cursor"] is None


def test_newer__since_a_page__counted_with_its_filters(project: Project, key_api: Api) -> None:
    write(project.pk, make_event("a"))
    newest = key_api.get("traces").json()["newest_cursor"]
    write(project.pk, make_event("b", at=1), make_event("c", at=2, name="refund"))

    counts = [
        key_api.get("traces-newer", newer_than=newest, **query).json() for query in ({}, {"q": "workflow:refund"})
    ]

    assert counts == [{"count": 2, "is_more": False}, {"count": 1, "is_more": False}]


@pytest.mark.parametrize("trace_id", ["a/b", "a::b::c", "ü?#%", "with space", "x/eventsx", "../up", "a+b&c=d"])
def test_get__id_with_any_letters__found(project: Project, key_api: Api, trace_id: str) -> None:
    write(project.pk, make_event(trace_id, "span/with::any#thing?"))

    detail = key_api.get(f"traces/{_quote(trace_id)}")
    event = key_api.get(f"traces/{_quote(trace_id)}/events/{_quote('span/with::any#thing?')}")

    assert detail.json()["trace_id"] == trace_id
    assert event.json()["span_id"] == "span/with::any#thing?"


def _quote(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def test_get__id_that_ends_like_a_route__found_by_the_list(project: Project, key_api: Api) -> None:
    write(project.pk, make_event("x/events"))

    assert _ids(key_api, trace_id="x/events") == ["x/events"]


def test_get__nul_in_the_path__not_found(project: Project, key_api: Api) -> None:
    for path in ("traces/%00", "traces/a%00/events", "steps/tool/%00/calls"):
        assert key_api.get(path).status_code == 404


def test_delete__a_trace__gone_from_every_address(project: Project, owner: Any) -> None:
    write_trace(project)
    api = Api(user=owner)

    api.delete(f"traces/{TRACE_ID}")

    for path in ("", "/events", "/events/root", "/events/root/values/input", "/logs"):
        assert api.get(f"traces/{TRACE_ID}{path}").status_code == 404
    assert _ids(api) == []
    assert api.get("steps/tool/search/calls").json()["items"] == []


def test_get__times__are_utc_and_exact(project: Project, key_api: Api) -> None:
    write(project.pk, make_event("a", at=0.123456))

    expected = START.strftime("%Y-%m-%dT%H:%M:%S") + ".123456Z"
    assert key_api.get("traces/a").json()["started_at"] == expected
