from __future__ import annotations

from typing import Any

import pytest

from observability.models import Project
from tests.api.conftest import Api, write_trace
from tests.records import at, make_event, write

pytestmark = pytest.mark.usefixtures("store")


def test_list__every_kind_or_one(project: Project, key_api: Api) -> None:
    write_trace(project)

    every = {step["kind"] for step in key_api.get("steps").json()["items"]}
    tools = [step["name"] for step in key_api.get("steps", kind="tool").json()["items"]]

    assert every == {"workflow", "tool", "prompt"}
    assert tools == ["search"]
    assert key_api.get("steps", kind="agent").status_code == 400


def test_calls__of_a_name_that_begins_another__its_own_alone(project: Project, key_api: Api) -> None:
    write(project.pk, make_event("a", name="chat"), make_event("b", name="chatHandler"))

    calls = key_api.get("steps/workflow/chat/calls").json()["items"]

    assert [call["trace_id"] for call in calls] == ["a"]


def test_calls__name_with_slashes__found(project: Project, key_api: Api) -> None:
    write(project.pk, make_event("t", "tool", kind="tool", name="https://example.com/calls"))

    response = key_api.get("steps/tool/https%3A%2F%2Fexample.com%2Fcalls/calls")

    assert [call["span_id"] for call in response.json()["items"]] == ["tool"]


def test_health__range_in_the_query__is_the_range_of_the_answer(project: Project, key_api: Api) -> None:
    write_trace(project)

    health = key_api.get("steps/tool/search/health", bucket_s=600, **_range(0, 3600)).json()

    assert (health["from"], health["to"]) == (_iso(0), _iso(3600))
    assert (health["bucket_s"], health["totals"]["calls"], health["totals"]["error_rate"]) == (600, 1, 1.0)
    assert health["last_error"]["span_id"] == "tool"


def test_health__no_range__the_last_day(project: Project, key_api: Api) -> None:
    write_trace(project)

    assert key_api.get("steps/tool/search/health").json()["totals"]["calls"] == 1


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("steps/tool/never/health", {}, 404),
        ("steps/agent/search/health", {}, 404),
        ("steps/tool/search/health", {"bucket_s": 59}, 400),
        ("steps/tool/search/health", {"from": "2026-01-01", "bucket_s": 60}, 400),
        ("steps/tool/search/health", {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 400),
        ("steps/tool/search/calls", {"status": "unset"}, 400),
        ("steps/tool/search/calls", {"cursor": "x"}, 400),
    ],
)
def test_step__that_is_not_there_or_parameter_that_cannot_be_used__refused(
    project: Project, key_api: Api, path: str, query: dict[str, Any], status: int
) -> None:
    write_trace(project)

    assert key_api.get(path, **query).status_code == status


def _range(first: float, last: float) -> dict[str, str]:
    return {"from": at(first).isoformat(), "to": at(last).isoformat()}


def _iso(seconds: float) -> str:
    return at(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")
