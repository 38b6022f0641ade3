from __future__ import annotations

from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver
from jsonschema.validators import Draft202012Validator

from debugconsole.api.schema import EXAMPLE as DEBUG_EXAMPLE
from debugconsole.api.urls import urlpatterns as debug_urlpatterns
from debugconsole.door import PATH as DEBUG_DOOR
from debugconsole.door import debug_door
from debugconsole.services.extensions import create_extension
from observability.api import schema as described
from observability.api.urls import urlpatterns
from observability.ingest.door import application as doors
from observability.ingest.writer import close_writer
from observability.models import Project, Scope
from observability.services.keys import NewKey, create_key
from reruns.api.urls import urlpatterns as rerun_urlpatterns


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Return the document as `/api/schema` serves it."""
    response = Client().get("/api/schema", headers={"accept": "application/vnd.oai.openapi"})
    loaded = yaml.safe_load(response.content)
    assert isinstance(loaded, dict)
    return loaded


def test_schema__generated__without_a_warning(tmp_path: Any) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(tmp_path / "schema.yml"))


def test_schema__routes_and_doors__all_described(document: dict[str, Any]) -> None:
    described_paths = set(document["paths"])

    all_doors = {*doors.DOORS, DEBUG_DOOR}
    assert all_doors <= described_paths
    routes = [route for route in [*urlpatterns, *rerun_urlpatterns, *debug_urlpatterns] if route.name]
    assert len(described_paths) == len(routes) + len(all_doors)
    assert get_resolver().resolve("/api/docs").url_name == "api-docs"


def test_schema__operations__say_what_they_answer(document: dict[str, Any]) -> None:
    operations = [
        (path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]

    for path, method, operation in operations:
        assert operation["description"], path
        assert "401" in operation["responses"], (path, method)
        assert operation["operationId"]
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations)


def test_schema__filters__typed_and_described(document: dict[str, Any]) -> None:
    parameters = {item["name"]: item for item in document["paths"]["/api/observability/traces"]["get"]["parameters"]}

    assert parameters["q"]["schema"]["maxLength"] == 1000
    assert parameters["from"]["schema"] == {"type": "string", "format": "date-time"}
    assert all(item.get("description") for item in parameters.values())


def test_schema__examples__fit_their_schemas(document: dict[str, Any]) -> None:
    contents = [
        content
        for item in document["paths"].values()
        for operation in item.values()
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
    ]
    shown = [
        (content["schema"], each["value"]) for content in contents for each in content.get("examples", {}).values()
    ]

    assert len(shown) > 50
    for schema, value in shown:
        _validate(document, schema, value)


@pytest.mark.parametrize(
    ("path", "example", "status"),
    [
        ("/api/observability/events", described.SDK_EXAMPLE, 202),
        ("/v1/traces", described.TRACES_EXAMPLE, 200),
        ("/api/public/otel/v1/traces", described.TRACES_EXAMPLE, 200),
        ("/v1/logs", described.LOGS_EXAMPLE, 200),
        ("/v1/metrics", {}, 200),
    ],
)
async def test_schema__example_of_a_door__is_taken_and_answered_as_described(
    store: None, document: dict[str, Any], project: Project, api_key: NewKey, path: str, example: Any, status: int
) -> None:
    operation = document["paths"][path]["post"]
    transport = httpx.ASGITransport(app=doors.ingest_application)  # type: ignore[arg-type]

    async with httpx.AsyncClient(transport=transport, base_url="http://playhead") as client:
        response = await client.post(path, json=example, headers={"api-key": api_key.text})
    await close_writer()

    assert response.status_code == status
    _validate(document, operation["requestBody"]["content"]["application/json"]["schema"], example)
    _validate(document, operation["responses"][str(status)]["content"]["application/json"]["schema"], response.json())
    assert not response.json().get("rejected")


async def test_schema__example_of_the_debug_door__is_taken_and_answered_as_described(
    store: None, document: dict[str, Any], project: Project
) -> None:
    await sync_to_async(create_extension)(project=project, extension_id=DEBUG_EXAMPLE["extension"])
    key = await sync_to_async(create_key)(project=project, name="Debug", scopes=[Scope.DEBUG])
    operation = document["paths"][DEBUG_DOOR]["post"]
    transport = httpx.ASGITransport(app=debug_door)  # type: ignore[arg-type]

    async with httpx.AsyncClient(transport=transport, base_url="http://playhead") as client:
        response = await client.post(DEBUG_DOOR, json=DEBUG_EXAMPLE, headers={"api-key": key.text})

    assert response.status_code == 202
    _validate(document, operation["requestBody"]["content"]["application/json"]["schema"], DEBUG_EXAMPLE)
    _validate(document, operation["responses"]["202"]["content"]["application/json"]["schema"], response.json())
    assert response.json() == {"accepted": 2, "rejected": []}


def _validate(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    jsonschema.validate(value, {**schema, "components": document["components"]}, Draft202012Validator)
