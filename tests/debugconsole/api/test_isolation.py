"""Everybody at every address: what is theirs, what they may know of, and what does not exist for them.

A row is a caller, a column a route. Streams belong into the same matrix: add a row to `ROUTES` with what a refusal is
there.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from debugconsole.models import DebugSession, Extension
from observability.models import Project, Scope, User
from observability.services.keys import create_key
from tests.debugconsole.api.conftest import PEOPLE, Api
from tests.debugconsole.conftest import set_rule

SESSION_ROUTES: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/api/debug/sessions/{id}", None),
    ("POST", "/api/debug/sessions/{id}/ticket", None),
    ("POST", "/api/debug/sessions/{id}/extend", None),
    ("PATCH", "/api/debug/sessions/{id}", {"paused": True}),
    ("GET", "/api/debug/sessions/{id}/export", None),
    ("DELETE", "/api/debug/sessions/{id}", None),
)
"""What is done with a session: only ever by the person who opened it."""

OWN = [200, 200, 200, 200, 200, 204]
"""What the person who opened it is answered."""

MAY_KNOW = {"owner", "admin", "teammate", "viewer"}
MAY_WATCH = MAY_KNOW - {"viewer"}


def list_statuses(api: Api, session_id: Any) -> list[int]:
    """Return what a caller is answered about a session, route by route."""
    return [api.call(method, path.format(id=session_id), body).status_code for method, path, body in SESSION_ROUTES]


@pytest.mark.parametrize("person", PEOPLE)
def test_extension__each_person__watches_finds_or_knows_nothing_of_it(
    person: str, extension: Extension, request: pytest.FixtureRequest
) -> None:
    api = Api(user=request.getfixturevalue(person))

    listed = [item["id"] for item in api.get("/api/debug/extensions").json()["items"]]
    explained = [api.get(f"/api/debug/policy/explain?extension={name}").status_code for name in ("EXT-1", extension.pk)]
    opened = [api.post("/api/debug/sessions", {"extension": name}).status_code for name in ("EXT-1", extension.pk)]

    assert listed == ([extension.pk] if person in MAY_KNOW else [])
    assert explained == [200 if person in MAY_KNOW else 404] * 2
    assert opened == [201 if person in MAY_WATCH else 403 if person in MAY_KNOW else 404] * 2


@pytest.mark.parametrize("person", sorted(MAY_KNOW))
def test_foreign_extension__each_member__finds_nothing(
    person: str, foreign_extension: Extension, request: pytest.FixtureRequest
) -> None:
    api = Api(user=request.getfixturevalue(person))
    name = foreign_extension.extension_id

    answers = [
        api.get(f"/api/debug/policy/explain?extension={name}"),
        api.get(f"/api/debug/policy/explain?extension={foreign_extension.pk}"),
        api.post("/api/debug/sessions", {"extension": name}),
        api.post("/api/debug/sessions", {"extension": foreign_extension.pk}),
        api.get(f"/api/debug/extensions?project={foreign_extension.project_id}"),
        # As if it were not there at all.
        api.post("/api/debug/sessions", {"extension": "no such"}),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "not_found")}
    assert len({answer.json()["detail"] for answer in answers if "extension" in answer.json()["detail"]}) == 1
    assert not DebugSession.objects.exists()


def test_same_id_in_two_tenants__each_person__gets_their_own(
    extension: Extension, foreign_extension: Extension, teammate: User, stranger: User
) -> None:
    assert Api(user=teammate).open("ext-1")["extension"]["id"] == extension.pk
    assert Api(user=stranger).open("ext-1")["extension"]["id"] == foreign_extension.pk


@pytest.mark.parametrize("person", [person for person in PEOPLE if person != "teammate"])
def test_session__of_another_person__does_not_exist(
    person: str, session: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    api = Api(user=request.getfixturevalue(person))

    assert set(list_statuses(api, session["id"])) == {404}
    assert DebugSession.objects.get().is_open


def test_session__ones_own__answers(api: Api, session: dict[str, Any], extension: Extension) -> None:
    set_rule("allow", scope="extension", extension=extension, allows_export=True)

    assert list_statuses(api, session["id"]) == OWN


def test_session__no_such__does_not_exist(api: Api) -> None:
    assert set(list_statuses(api, uuid.uuid4())) == {404}
    assert set(list_statuses(api, "1")) == {404}


def test_session__id_in_another_case__is_no_other_door(api: Api, session: dict[str, Any], stranger: User) -> None:
    assert set(list_statuses(Api(user=stranger), session["id"].upper())) == {404}


def test_anonymous__everywhere__is_asked_who_it_is(extension: Extension, session: dict[str, Any]) -> None:
    api = Api()

    answers = [
        *list_statuses(api, session["id"]),
        api.get("/api/debug/extensions").status_code,
        api.get("/api/debug/policy/explain?extension=ext-1").status_code,
        api.post("/api/debug/sessions", {"extension": "ext-1"}).status_code,
    ]

    assert set(answers) == {401}
    assert list_statuses(Api(key="ed_no.such"), session["id"]) == [401] * len(SESSION_ROUTES)


# -- Keys ------------------------------------------------------------------------------------------------------------


def test_key__with_read_and_debug__acts_for_its_maker(
    debug_key: str, teammate: User, extension: Extension, session: dict[str, Any]
) -> None:
    set_rule("allow", scope="extension", extension=extension, allows_export=True)
    api = Api(key=debug_key)

    made = api.open("ext-1")

    assert DebugSession.objects.get(pk=made["id"]).user == teammate
    # What the person opened themselves outlives the key, so it is not the key's to see.
    assert set(list_statuses(api, session["id"])) == {404}
    assert list_statuses(api, made["id"]) == OWN
    assert [item["id"] for item in api.get("/api/debug/extensions").json()["items"]] == [extension.pk]


@pytest.mark.parametrize(
    "scopes", [[Scope.READ], [Scope.DEBUG], [Scope.INGEST, Scope.READ, Scope.RERUN], [Scope.ADMIN], [Scope.INGEST]]
)
def test_key__without_both_scopes__is_denied(
    scopes: list[Scope], project: Project, teammate: User, session: dict[str, Any]
) -> None:
    api = Api(key=create_key(project=project, name="Less", scopes=list(scopes), created_by=teammate).text)

    assert set(list_statuses(api, session["id"])) == {403}
    assert api.get("/api/debug/extensions").status_code == 403
    assert api.post("/api/debug/sessions", {"extension": "ext-1"}).status_code == 403


def test_key__of_another_project__knows_its_own_alone(
    other_key: str, extension: Extension, session: dict[str, Any]
) -> None:
    api = Api(key=other_key)

    assert set(list_statuses(api, session["id"])) == {404}
    assert api.get("/api/debug/extensions").json()["items"] == []
    assert api.get(f"/api/debug/extensions?project={extension.project_id}").status_code == 404
    assert api.get(f"/api/debug/policy/explain?extension={extension.pk}").status_code == 404
    assert api.post("/api/debug/sessions", {"extension": "ext-1"}).status_code == 404


def test_key__of_nobody_or_somebody_gone__is_refused(
    project: Project, debug_key: str, teammate: User, session: dict[str, Any]
) -> None:
    nobodys = create_key(project=project, name="Bare", scopes=[Scope.READ, Scope.DEBUG]).text
    teammate.is_active = False
    teammate.save()

    assert set(list_statuses(Api(key=nobodys), session["id"])) == {403}
    assert set(list_statuses(Api(key=debug_key), session["id"])) == {403}


def test_key__of_somebody_who_left_the_project__finds_nothing(
    debug_key: str, extension: Extension, teammate: User
) -> None:
    teammate.memberships.all().delete()
    api = Api(key=debug_key)

    assert api.get("/api/debug/extensions").json()["items"] == []
    assert api.post("/api/debug/sessions", {"extension": "ext-1"}).status_code == 404


# -- Forged ----------------------------------------------------------------------------------------------------------


def test_tenant__forged_in_headers__changes_nothing(
    api: Api, extension: Extension, foreign_extension: Extension, foreign_project: Project
) -> None:
    tenant = str(foreign_project.organization.tenant_id)
    forged = {"x-alga-tenant": tenant, "x-tenant-id": tenant, "x-alga-extension": str(foreign_extension.pk)}

    made = api.call("POST", "/api/debug/sessions", {"extension": "ext-1"}, **forged).json()
    found = api.call("GET", "/api/debug/extensions", **forged).json()

    assert made["extension"]["id"] == extension.pk
    assert [item["id"] for item in found["items"]] == [extension.pk]


@pytest.mark.parametrize("name", ["tenantId", "tenant", "tenant_id", "organization", "user"])
def test_tenant__forged_in_parameters_or_bodies__is_no_parameter(
    name: str, api: Api, extension: Extension, session: dict[str, Any]
) -> None:
    answers = [
        api.get(f"/api/debug/sessions/{session['id']}?{name}=1"),
        api.get(f"/api/debug/policy/explain?extension=ext-1&{name}=1"),
        api.post(f"/api/debug/sessions?{name}=1", {"extension": "ext-1"}),
        api.post("/api/debug/sessions", {"extension": "ext-1", name: "1"}),
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert all(name in answer.json()["detail"] for answer in answers)


def test_session__from_another_site__needs_the_token_of_the_form(
    teammate: User, extension: Extension, session: dict[str, Any]
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(teammate)

    answers = [
        client.post("/api/debug/sessions", {"extension": "ext-1"}, content_type="application/json"),
        client.delete(f"/api/debug/sessions/{session['id']}"),
    ]

    assert {answer.status_code for answer in answers} == {403}
