"""Evaluations, fidelity and the judge over REST: who may see and change what."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from observability.models import Project, Scope, User
from observability.services.keys import create_key
from reruns.models import JudgeSettings, Trigger
from reruns.services.evaluations import evaluate_runs
from tests.reruns.conftest import TRACE

API = "/api/observability"
CHECK = {"type": "output-contains", "substrings": ["tarp"]}
JUDGE = {"baseUrl": "https://models.example/v1", "model": "m", "key": "sk-secret"}


@pytest.fixture
def http(project: Project) -> dict[str, str]:
    """Headers of a key that may do everything."""
    key = create_key(project=project, name="All", scopes=[Scope.INGEST, Scope.READ, Scope.RERUN, Scope.ADMIN])
    return {"Authorization": f"Bearer {key.text}"}


def _post(client: Client, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    return client.post(f"{API}/{path}", body, content_type="application/json", headers=headers)


@pytest.mark.usefixtures("trace")
def test_trigger__answered_and_checked__shows_results_and_verdict(client: Client, http: dict[str, str]) -> None:
    asked = _post(client, "workflow-reruns", {"traceId": TRACE, "evaluations": [CHECK]}, http).json()
    path = f"triggers/{asked['triggerId']}"
    _post(client, f"{path}/results", {"mode": "workflow", "ok": True, "output": "a tarp", "durationMs": 1}, http)
    evaluate_runs(run_ids=list(Trigger.objects.get().runs.values_list("pk", flat=True)))

    detail = client.get(f"{API}/{path}", headers=http).json()

    (result,) = detail["runItems"][0]["evaluations"]
    assert (result["status"], result["reason"]) == ("passed", "The output contains 'tarp'.")
    assert (detail["verdict"], detail["checks"][0]["outcome"], detail["checks"][0]["passThreshold"]) == (
        "passed",
        "passed",
        "all",
    )


@pytest.mark.usefixtures("trace")
def test_rerun__check_that_cannot_be_used__is_refused_naming_the_field(client: Client, http: dict[str, str]) -> None:
    body = {"traceId": TRACE, "evaluations": [CHECK, {"type": "regex", "pattern": "("}]}

    refused = _post(client, "workflow-reruns", body, http)

    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert "evaluations[1]: pattern" in refused.content.decode()
    assert not Trigger.objects.exists()


@pytest.mark.usefixtures("trace")
def test_fidelity__owner_teammate_viewer_stranger__only_members_see_it(
    client: Client, http: dict[str, str], project: Project, owner: User, teammate: User, viewer: User, stranger: User
) -> None:
    asked = _post(client, "workflow-reruns", {"traceId": TRACE}, http).json()
    statuses = []
    for person in (owner, teammate, viewer, stranger):
        client.force_login(person)
        answer = client.get(f"{API}/triggers/{asked['triggerId']}/fidelity", {"project": project.pk})
        statuses.append(answer.status_code)

    assert statuses == [200, 200, 200, 404]


@pytest.mark.usefixtures("trace")
def test_fidelity__foreign_key_or_none__is_not_found_or_refused(
    client: Client, http: dict[str, str], foreign_project: Project
) -> None:
    asked = _post(client, "workflow-reruns", {"traceId": TRACE}, http).json()
    foreign = create_key(project=foreign_project, name="F", scopes=[Scope.READ])
    path = f"{API}/triggers/{asked['triggerId']}/fidelity"

    found = client.get(path, headers=http)

    assert (found.json()["offered"], found.json()["isKnown"]) == (5, False)
    assert client.get(path, headers={"Authorization": f"Bearer {foreign.text}"}).status_code == HTTPStatus.NOT_FOUND
    assert client.get(path).status_code == HTTPStatus.UNAUTHORIZED
    assert client.get(path, {"run": 9}, headers=http).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("store")
def test_judge__set_and_read__never_gives_the_key(client: Client, http: dict[str, str]) -> None:
    put = client.put(f"{API}/judge", JUDGE, content_type="application/json", headers=http)
    got = client.get(f"{API}/judge", headers=http)
    gone = client.delete(f"{API}/judge", headers=http)

    assert (put.status_code, got.json()["hasKey"], gone.status_code) == (200, True, 204)
    assert "sk-secret" not in put.content.decode() + got.content.decode()
    assert not JudgeSettings.objects.exists()


@pytest.mark.usefixtures("store")
def test_judge__owner_teammate_viewer_stranger__only_an_admin_sets_it(
    client: Client, project: Project, owner: User, teammate: User, viewer: User, stranger: User
) -> None:
    statuses = []
    for person in (owner, teammate, viewer, stranger):
        client.force_login(person)
        path = f"{API}/judge?project={project.pk}"
        put = client.put(path, JUDGE, content_type="application/json")
        statuses.append((put.status_code, client.get(path).status_code))

    assert statuses == [(200, 200), (403, 200), (403, 200), (404, 404)]
