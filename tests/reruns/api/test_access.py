"""Every address, met by everybody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client

from observability.models import Project, Scope, User
from observability.services.keys import NewKey, create_key
from reruns.models import RerunPolicy, RunConfig, SamplingConfig, Trigger
from reruns.services.sampling import create_sampling_config
from tests.reruns.conftest import TRACE, find_ids, write_trace
from tests.reruns.test_state_machine import ask

API = "/api/observability"


def _answer(trigger: Trigger) -> int:
    """Give the trigger's run an output, as if it had answered before; return the trigger's number."""
    trigger.runs.update(output=b"1", output_bytes=1)
    return trigger.pk


class Api:
    """Calls the API with a key, or as a signed-in person."""

    def __init__(self, *, key: str | None = None, user: User | None = None) -> None:
        self.client = Client(headers={"api-key": key} if key else None)
        if user is not None:
            self.client.force_login(user)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self.client.generic(method, path, b"" if body is None else _encode(body), "application/json")

    def call_all(self, routes: dict[str, tuple[str, str, Any]]) -> dict[str, int]:
        """Return the status of every route by its name."""
        return {name: self.call(*route).status_code for name, route in routes.items()}


def _encode(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.fixture
def reads(trace: str, project: Project) -> dict[str, tuple[str, str, Any]]:
    """What whoever may read may read."""
    trigger = ask(project)
    return {
        "triggers": ("GET", f"{API}/triggers?trace_id={TRACE}", None),
        "trigger": ("GET", f"{API}/triggers/{trigger.pk}", None),
        "sampling": ("GET", f"{API}/sampling-configs", None),
        "sessions": ("GET", f"{API}/sdk-sessions", None),
        "output": ("GET", f"{API}/triggers/{_answer(trigger)}/runs/1/output", None),
        "fidelity": ("GET", f"{API}/triggers/{trigger.pk}/fidelity", None),
    }


@pytest.fixture
def reruns(reads: object, project: Project) -> dict[str, tuple[str, str, Any]]:
    """What takes the right to rerun, in an order in which all of it works."""
    trigger = Trigger.objects.get()
    config = RunConfig.objects.get()
    ids = find_ids(project)
    return {
        "workflow": ("POST", f"{API}/workflow-reruns", {"traceId": TRACE}),
        "steps": ("POST", f"{API}/step-reruns", {"traceId": TRACE, "eventDbIds": [ids["a"]]}),
        "portal": ("POST", f"{API}/portal-tasks", {"eventDbId": ids["a"]}),
        "config": ("GET", f"{API}/run-configs/{config.pk}", None),
        "short config": ("GET", f"/api/run-configs/{config.pk}", None),
        "event results": ("POST", f"{API}/events/{ids['a']}/reruns", {"results": [{"ok": True}]}),
        "results": ("POST", f"{API}/triggers/{trigger.pk}/results", {"ok": True, "output": 1}),
        "portal results": ("POST", f"/api/portal/results/task-{trigger.pk}", {"ok": True}),
    }


@pytest.fixture
def admins(reads: object, project: Project) -> dict[str, tuple[str, str, Any]]:
    """What takes the right to manage the project."""
    config = create_sampling_config(project_id=project.pk, created_by=None, name="old", event_types=["ai"])
    path = f"{API}/sampling-configs"
    return {
        "create": ("POST", path, {"name": "new", "eventTypes": ["http", "db"]}),
        "update": ("PATCH", f"{path}/{config.pk}", {"rate": 0.5}),
        "delete": ("DELETE", f"{path}/{config.pk}", None),
    }


ALL_FOREIGN = {
    "trigger",
    "output",
    "fidelity",
    "workflow",
    "steps",
    "portal",
    "config",
    "short config",
    "event results",
    "results",
}
Routes = dict[str, tuple[str, str, Any]]


def test_routes__key_with_rerun__reads_and_reruns(
    reads: Routes, reruns: Routes, admins: Routes, rerun_key: NewKey
) -> None:
    api = Api(key=rerun_key.text)

    assert set(api.call_all(reads).values()) == {200}
    assert set(api.call_all(reruns).values()) == {200, 201}
    assert set(api.call_all(admins).values()) == {403}


def test_routes__key_without_rerun__sees_no_frozen_value_and_runs_nothing(
    reads: Routes, reruns: Routes, api_key: NewKey
) -> None:
    api = Api(key=api_key.text)

    assert set(api.call_all(reads).values()) == {200}
    assert set(api.call_all(reruns).values()) == {403}
    assert Trigger.objects.count() == 1


def test_routes__key_that_may_manage__configures_sampling_only(
    reruns: Routes, admins: Routes, project: Project
) -> None:
    api = Api(key=create_key(project=project, name="Admin", scopes=[Scope.ADMIN]).text)

    assert list(api.call_all(admins).values()) == [201, 200, 204]
    assert set(api.call_all(reruns).values()) == {403}


@pytest.mark.parametrize("person", ["owner", "teammate"])
def test_routes__engineer_and_above__rerun(
    person: str, reads: Routes, reruns: Routes, request: pytest.FixtureRequest
) -> None:
    api = Api(user=request.getfixturevalue(person))

    assert set(api.call_all(reads).values()) == {200}
    assert set(api.call_all(reruns).values()) == {200, 201}


def test_routes__viewer__reads_only(reads: Routes, reruns: Routes, admins: Routes, viewer: User) -> None:
    api = Api(user=viewer)

    assert set(api.call_all(reads).values()) == {200}
    assert set(api.call_all({**reruns, **admins}).values()) == {403}


def test_routes__teammate__does_not_manage_sampling(admins: Routes, teammate: User) -> None:
    assert set(Api(user=teammate).call_all(admins).values()) == {403}


def test_routes__policy_asks_for_more__teammate_may_no_longer_rerun(
    reruns: Routes, project: Project, teammate: User, owner: User
) -> None:
    RerunPolicy.objects.create(project=project, minimum_role="admin")

    assert set(Api(user=teammate).call_all(reruns).values()) == {403}
    assert set(Api(user=owner).call_all(reruns).values()) == {200, 201}


@pytest.mark.parametrize("kind", ["stranger", "key"])
def test_routes__another_project__nothing_of_it_exists(
    kind: str,
    reads: Routes,
    reruns: Routes,
    admins: Routes,
    stranger: User,
    foreign_project: Project,
    foreign_key: NewKey,
) -> None:
    api = Api(user=stranger) if kind == "stranger" else Api(key=foreign_key.text)

    statuses = api.call_all({**reads, **reruns})

    assert {name for name, status in statuses.items() if status == 404} == ALL_FOREIGN | {"portal results"}
    assert set(api.call_all({name: admins[name] for name in ("update", "delete")}).values()) <= {403, 404}
    assert api.call(*reads["triggers"]).json()["items"] == []
    assert Trigger.objects.count() == 1
    assert SamplingConfig.objects.count() == 1


def test_routes__nobody__unauthorized(reads: Routes, reruns: Routes, admins: Routes) -> None:
    assert set(Api().call_all({**reads, **reruns, **admins}).values()) == {401}


def test_run_config__open_to_run_ids__is_read_without_a_key_while_the_rerun_is_live(
    reruns: Routes, project: Project
) -> None:
    RerunPolicy.objects.create(project=project, is_open_to_run_ids=True)
    api = Api()

    live = api.call(*reruns["config"])
    Trigger.objects.all().delete()
    gone = api.call(*reruns["config"])

    assert live.status_code == 200
    assert len(live.json()["frozenEvents"]) == 5
    assert gone.status_code == 401


def test_request__by_a_person__is_in_the_audit_log(reruns: Routes, teammate: User) -> None:
    trigger_id = Api(user=teammate).call(*reruns["workflow"]).json()["triggerId"]
    Api(user=teammate).call("POST", f"{API}/triggers/{trigger_id}/cancel")

    entries = LogEntry.objects.get_for_object(Trigger.objects.get(pk=trigger_id)).order_by("timestamp")
    assert [(entry.actor, entry.action) for entry in entries] == [
        (teammate, LogEntry.Action.CREATE),
        (teammate, LogEntry.Action.UPDATE),
    ]
    assert list(entries[1].changes_dict) == ["cancelled_by"]


def test_cancel__twice__is_a_conflict(reads: Routes, rerun_key: NewKey) -> None:
    api = Api(key=rerun_key.text)
    path = f"{API}/triggers/{Trigger.objects.get().pk}/cancel"

    first, second = api.call("POST", path), api.call("POST", path)

    assert (first.status_code, first.json()["status"]) == (200, "cancelled")
    assert (second.status_code, second.json()["code"]) == (409, "finished")


@pytest.mark.parametrize(
    ("policy", "run_count"), [({"max_per_hour": 3}, 3), ({"max_concurrent": 1}, 1), ({"max_per_hour": 0}, 1)]
)
def test_limits__reached__are_told_and_nothing_is_stored(
    policy: dict[str, int], run_count: int, reads: Routes, project: Project, rerun_key: NewKey
) -> None:
    RerunPolicy.objects.create(project=project, **policy)

    answer = Api(key=rerun_key.text).call("POST", f"{API}/workflow-reruns", {"traceId": TRACE, "runCount": run_count})

    assert (answer.status_code, answer.json()["code"]) == (429, "rerun_limit")
    assert Trigger.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"frozenEventIds": [1]}, "frozenEventIds"),
        ({"runCount": 0}, "runCount"),
        ({"toolMockConfig": {"search": {"mode": "sometimes"}}}, "toolMockConfig.search.mode"),
        ({"aiMockConfig": {"gpt": {"mode": "mock-specific", "callIndices": [0]}}}, "aiMockConfig.gpt.callIndices"),
        ({"promptMocks": {"p": 7}}, "promptMocks"),
        ({"evaluations": [{}]}, "evaluations"),
        ({"sessionId": "a\x00b"}, "NUL"),
    ],
)
def test_workflow_rerun__value_that_cannot_be_used__is_refused(
    body: dict[str, Any], field: str, trace: str, rerun_key: NewKey
) -> None:
    answer = Api(key=rerun_key.text).call("POST", f"{API}/workflow-reruns", {"traceId": TRACE, **body})

    assert answer.status_code == 400
    assert field in answer.json()["detail"]


def test_workflow_rerun__input_not_recorded__has_to_be_given(store: None, project: Project, rerun_key: NewKey) -> None:
    write_trace(project, input=None)
    api = Api(key=rerun_key.text)

    missing = api.call("POST", f"{API}/workflow-reruns", {"traceId": TRACE})
    confirmed = api.call("POST", f"{API}/workflow-reruns", {"traceId": TRACE, "workflowInput": None})

    assert (missing.status_code, missing.json()["code"]) == (422, "workflow_input_missing")
    assert confirmed.status_code == 201


def test_run_config__made_by_a_request__has_the_columns_and_their_defaults(
    trace: str, project: Project, rerun_key: NewKey
) -> None:
    answer = Api(key=rerun_key.text).call(
        "POST", f"{API}/workflow-reruns", {"traceId": TRACE, "workflowInput": {"a": 1}}
    )

    config = RunConfig.objects.get()
    assert str(config.pk) == answer.json()["runConfigId"]
    assert (config.project, config.trigger_id, config.trace_id) == (project, answer.json()["triggerId"], TRACE)
    assert (config.workflow_name, config.workflow_input, config.frozen_event_ids) == ("chat", {"a": 1}, [])
    mocks = (config.tool_mock_config, config.ai_mock_config, config.prompt_mocks, config.user_prompt_mocks)
    assert mocks == ({}, {}, {}, {})


def test_results__of_an_unknown_trigger__are_not_found(trace: str, rerun_key: NewKey) -> None:
    api = Api(key=rerun_key.text)

    assert api.call("POST", f"{API}/triggers/999999/results", {"ok": True}).status_code == 404
    assert api.call("POST", f"{API}/events/999999/reruns", {"results": [{"ok": True}]}).status_code == 404
    assert api.call("POST", "/api/portal/results/anything", {"ok": True}).status_code == 404


def test_results__nothing_in_the_body__is_refused(reruns: Routes, rerun_key: NewKey) -> None:
    answer = Api(key=rerun_key.text).call("POST", reruns["results"][1])

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_results__over_the_bound__are_refused(reruns: Routes, rerun_key: NewKey, settings: Any) -> None:
    settings.RERUN_RESULT_BYTES = 1000
    body = {"ok": True, "output": "x" * 1000}

    answer = Api(key=rerun_key.text).call("POST", reruns["results"][1], body)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("count", [1, 12])
def test_list__one_or_many__takes_the_same_queries(
    count: int, trace: str, project: Project, rerun_key: NewKey, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        ask(project)
    api = Api(key=rerun_key.text)
    api.call("GET", f"{API}/triggers")

    with django_assert_num_queries(1):
        page = api.call("GET", f"{API}/triggers?limit=5").json()

    assert len(page["items"]) == min(count, 5)
    assert (page["nextCursor"] is None) == (count <= 5)


def test_list__page_by_page__has_every_rerun_once(trace: str, project: Project, rerun_key: NewKey) -> None:
    asked = {ask(project).pk for _ in range(7)}
    api = Api(key=rerun_key.text)

    page = api.call("GET", f"{API}/triggers?limit=3").json()
    found = page["items"]
    while page["nextCursor"]:
        page = api.call("GET", f"{API}/triggers?limit=3&cursor={page['nextCursor']}").json()
        found += page["items"]

    assert [item["triggerId"] for item in found] == sorted(asked, reverse=True)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("workflow-reruns", {"traceId": TRACE, "workflowInput": {"a": ["x\x00"]}}, "workflowInput"),
        ("workflow-reruns", {"traceId": TRACE, "toolMockConfig": {"a\x00": 1}}, "toolMockConfig"),
        ("workflow-reruns", {"traceId": TRACE, "workflowName": "\x00"}, "workflowName"),
        ("workflow-reruns", {"traceId": "\x00"}, "traceId"),
        ("step-reruns", {"traceId": TRACE, "sessionId": "\x00"}, "sessionId"),
        ("portal-tasks", {"type": "tool", "name": "a", "input": "\x00"}, "input"),
        (
            "portal-tasks",
            {"type": "tool", "name": "a", "input": 1, "modelParameters": {"a": "\x00"}},
            "modelParameters",
        ),
    ],
)
def test_request__nul_that_cannot_be_stored__is_refused_naming_the_field(
    trace: str, rerun_key: NewKey, path: str, body: dict[str, Any], field: str
) -> None:
    refused = Api(key=rerun_key.text).call("POST", f"{API}/{path}", body)

    assert refused.status_code == 400, refused.content
    assert field in refused.json()["detail"] or field in refused.content.decode()
    assert not Trigger.objects.exists()
