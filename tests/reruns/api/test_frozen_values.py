"""What redaction hides leaves by two doors, to who may rerun: run configs and saved tests. Every route is tried."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from observability.models import Project, Scope
from observability.services.keys import create_key
from reruns.api import urls
from reruns.models import RunConfig
from tests.records import make_event, write
from tests.reruns.conftest import SESSION, TRACE, find_ids, write_trace
from tests.reruns.test_state_machine import ask

SECRET = "sk-live-0123456789abcdef0123456789"
DOORS = {"run-config", "run-config-short", "saved-tests"}


@pytest.fixture
def config(store: None, project: Project) -> RunConfig:
    """Of a rerun of a trace whose workflow was given a secret; so was one of its tools."""
    hidden = json.dumps({"api_key": SECRET}).encode()
    write_trace(project, input=hidden, output=hidden)
    shared: dict[str, Any] = {"parent_span_id": "root", "source": "sdk", "session_id": SESSION}
    write(
        project.pk, make_event(TRACE, "pay", at=7, name="pay", sdk_event_id=70, input=hidden, output=hidden, **shared)
    )
    ask(project)
    return RunConfig.objects.get()


def _list_routes(project: Project, config: RunConfig) -> dict[str, str]:
    """Return the path of every route by its name, with what is there in its places."""
    values = {
        "trigger_id": config.trigger_id,
        "event_id": find_ids(project)["pay"],
        "config_id": config.pk,
        "task_id": f"task-{config.trigger_id}",
        "number": 1,
    }
    routes = {}
    for route in urls.urlpatterns:
        if route.name:
            path = str(route.pattern)
            routes[route.name] = "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(values.get(found[1], 1)), path)
    return routes


def _call_all(client: Client, routes: dict[str, str], project: Project) -> dict[str, str]:
    """Return what each route answers to reading and to sending, as text."""
    body = {"traceId": TRACE, "eventDbId": find_ids(project)["pay"], "runId": "x", "ok": True}
    answers = {}
    for name, path in routes.items():
        responses: list[Any] = [client.get(path), client.post(path, body, content_type="application/json")]
        texts = [b"".join(one.streaming_content) if one.streaming else one.content for one in responses]
        answers[name] = b"\n".join(texts).decode()
    return answers


@pytest.mark.parametrize(
    "scopes", [[Scope.READ], [Scope.INGEST], [Scope.INGEST, Scope.READ, Scope.DEBUG, Scope.ADMIN]], ids=str
)
def test_every_route__key_without_rerun__shows_no_frozen_value(
    config: RunConfig, project: Project, scopes: list[str]
) -> None:
    key = create_key(project=project, name="No reruns", scopes=scopes)

    answers = _call_all(Client(headers={"api-key": key.text}), _list_routes(project, config), project)

    assert len(answers) > 15
    assert [name for name, text in answers.items() if SECRET in text] == []


def test_every_route__key_with_rerun__shows_them_by_these_doors_alone(
    config: RunConfig, project: Project, rerun_key: Any
) -> None:
    answers = _call_all(Client(headers={"api-key": rerun_key.text}), _list_routes(project, config), project)

    assert {name for name, text in answers.items() if SECRET in text} == DOORS
