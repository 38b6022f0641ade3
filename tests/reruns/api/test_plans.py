"""The plan of a rerun: what really happens, what is answered from the recording, who runs it."""

from __future__ import annotations

from typing import Any

import pytest

from observability.models import Project, User
from observability.services.keys import NewKey
from reruns.models import Trigger
from tests.reruns.api.test_access import API, Api
from tests.reruns.conftest import TRACE, find_ids, write_trace

PLANS = f"{API}/rerun-plans"


@pytest.fixture
def api(rerun_key: NewKey) -> Api:
    return Api(key=rerun_key.text)


def plan(api: Api, **body: Any) -> Any:
    response = api.call("POST", PLANS, {"traceId": TRACE, **body})
    assert response.status_code == 200, response.content
    return response.json()


def states(found: Any) -> list[tuple[str, str]]:
    return [(call["name"], call["state"]) for call in found["calls"]]


def test_plan__of_everything__freezes_what_can_be_and_asks_for_nothing(api: Api, trace: str) -> None:
    found = plan(api)

    assert states(found) == [
        ("search", "frozen"),
        ("price", "frozen"),
        ("gpt-4o-mini", "frozen"),
        ("fetch", "frozen"),
        ("pg.query", "frozen"),
    ]
    assert [call["ordinal"] for call in found["calls"]] == [1, 2, 3, 4, 5]
    assert (found["frozen"], found["live"], found["input"]["state"]) == (5, 0, "trace")
    assert found["session"] == {"sessionId": None, "detail": "No SDK that takes reruns is connected."}
    assert not Trigger.objects.exists()


def test_plan__some_live_and_mocked__says_what_each_may_do(api: Api, trace: str, project: Project) -> None:
    ids = find_ids(project)

    found = plan(api, frozenEventIds=[ids["a"], ids["f"]], toolMockConfig={"price": {"mode": "mock-all"}}, runCount=3)

    assert [state for _, state in states(found)] == ["frozen", "mocked", "live", "live", "frozen"]
    assert [(call["effect"], call["effectText"]) for call in found["calls"] if call["state"] == "live"] == [
        ("costs", "asks gpt-4o-mini, which costs money"),
        ("reads", "GET https://shop.example"),
    ]
    assert (found["live"], found["mocked"], found["changing"], found["unpriced"]) == (2, 1, 0, 1)
    assert (found["costMicros"], found["runCount"], found["runsLeft"]) == (None, 3, 120)


def test_plan__strict__refuses_what_is_not_allowed_by_name(api: Api, trace: str) -> None:
    found = plan(api, freezeNothing=True, strict=True, toolMockConfig={"search": {"mode": "live"}})

    assert [state for _, state in states(found)] == ["live", "refused", "refused", "refused", "refused"]


def test_plan__call_that_had_not_ended__happens_and_says_why(
    api: Api, store: None, project: Project, rerun_key: NewKey
) -> None:
    from tests.records import make_event, write

    shared: dict[str, Any] = {"parent_span_id": "root", "source": "sdk"}
    write(project.pk, make_event(TRACE, input=b"1"), make_event(TRACE, "a", name="slow", lasts=None, **shared))

    (call,) = plan(api)["calls"]

    assert (call["state"], call["canFreeze"], call["reason"]) == ("live", False, "It had not ended.")
    assert (call["isToFreeze"], plan(api, freezeNothing=True)["calls"][0]["isToFreeze"]) == (True, False)


def test_plan__input_that_no_event_tells__is_asked_for(api: Api, store: None, project: Project) -> None:
    write_trace(project, input=None)

    assert plan(api)["input"] == {"state": "missing", "spanId": None}
    assert plan(api, workflowInput=None)["input"]["state"] == "given"


def test_plan__of_steps__runs_these_alone(api: Api, trace: str, project: Project) -> None:
    ids = find_ids(project)

    found = plan(api, eventDbIds=[ids["b"]])

    assert states(found) == [("price", "live")]
    assert found["mode"] == "step"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"frozenEventIds": [1]}, "frozenEventIds: 1 is no call"),
        ({"eventDbIds": [1]}, "eventDbIds: 1 is no call"),
        ({"toolMockConfig": {"price": {"mode": "never"}}}, "toolMockConfig.price.mode: one of"),
        ({"promptMocks": {"a": "b"}, "evaluations": [{"type": "x"}]}, "evaluations[0]: type: choose from"),
    ],
)
def test_plan__of_what_cannot_be_asked__names_the_field(api: Api, trace: str, body: Any, said: str) -> None:
    response = api.call("POST", PLANS, {"traceId": TRACE, **body})

    assert response.status_code == 400
    assert response.json()["detail"].startswith(said)


def test_plan__who_may__is_who_may_rerun(
    trace: str, api_key: NewKey, viewer: User, teammate: User, stranger: User, foreign_key: NewKey, project: Project
) -> None:
    path = f"{PLANS}?project={project.pk}"
    body = {"traceId": TRACE}

    assert Api(key=api_key.text).call("POST", PLANS, body).status_code == 403
    assert Api(user=viewer).call("POST", path, body).status_code == 403
    assert Api(user=teammate).call("POST", path, body).status_code == 200
    assert Api(user=stranger).call("POST", path, body).status_code == 404
    assert Api(key=foreign_key.text).call("POST", PLANS, body).status_code == 404
