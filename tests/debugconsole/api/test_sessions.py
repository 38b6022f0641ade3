"""Sessions over REST: what is asked for, answered, refused, and written down."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from debugconsole.errors import TicketError
from debugconsole.models import DebugAudit, DebugSession, Extension
from debugconsole.services.sessions import CREATES_OF_USER, MOST_OF_USER, redeem_ticket
from observability.models import Project, User
from tests.debugconsole.api.conftest import Api
from tests.debugconsole.conftest import set_rule

SESSIONS = "/api/debug/sessions"


def path_of(session: dict[str, Any], rest: str = "") -> str:
    return f"{SESSIONS}/{session['id']}{rest}"


# -- Extensions and decisions ----------------------------------------------------------------------------------------


def test_extensions__of_ones_projects__are_listed(
    api: Api, extension: Extension, foreign_extension: Extension, project: Project
) -> None:
    found = api.get("/api/debug/extensions").json()

    assert found["is_complete"]
    assert [(item["id"], item["extension_id"], item["name"]) for item in found["items"]] == [
        (extension.pk, "Ext-1", "Orders")
    ]
    assert found["items"][0]["project"] == {
        "id": project.pk,
        "name": "Support desk",
        "slug": "support-desk",
        "organization": "acme",
    }


def test_extensions__one_or_many__take_as_many_queries(api: Api, extension: Extension, project: Project) -> None:
    with CaptureQueriesContext(connection) as one:
        api.get("/api/debug/extensions")
    for number in range(5):
        Extension.objects.create(project=project, organization=project.organization, extension_id=f"more-{number}")
    with CaptureQueriesContext(connection) as many:
        found = api.get("/api/debug/extensions").json()

    assert len(found["items"]) == 6
    assert len(many) == len(one)


def test_explain__a_rule__is_named(api: Api, extension: Extension) -> None:
    rule = set_rule("deny", scope="extension", extension=extension)

    found = api.get("/api/debug/policy/explain?extension=ext-1&install=I-1").json()

    assert (found["is_allowed"], found["code"], found["rule"]) == (False, "policy_denied", f"{rule.pk}.1")
    assert found["considered"][0]["decided"]


def test_explain__without_an_extension__names_the_field(api: Api) -> None:
    answer = api.get("/api/debug/policy/explain")

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["extension"])


# -- Opening ---------------------------------------------------------------------------------------------------------


def test_create__who_may__has_a_session_a_ticket_and_where_to_read(api: Api, extension: Extension) -> None:
    made = api.open("ext-1", filter="LEVEL>=warn", install="I-1", reason="a look")

    assert made["ws_url"] == f"/ws/debug/sessions/{made['id']}"
    assert made["sse_url"] == path_of(made, "/events")
    assert (made["filter"], made["install"], made["policy"]["rule"]) == ("level>=warn", "I-1", "default")
    assert (made["is_open"], made["paused"], made["sample"], made["allows_export"]) == (True, False, 1.0, False)
    assert redeem_ticket(session_id=uuid.UUID(made["id"]), ticket=made["ticket"]).extension == extension
    assert "ticket" not in api.get(path_of(made)).json()


def test_create__by_number__is_the_same_extension(api: Api, extension: Extension) -> None:
    assert api.open(extension.pk)["extension"]["id"] == extension.pk


def test_create__a_filter_that_cannot_be_read__says_where(api: Api, extension: Extension) -> None:
    answer = api.post(SESSIONS, {"extension": "ext-1", "filter": "level:warn colour:blue"})

    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["position"], answer.json()["length"]) == ("bad_filter", 11, 6)
    assert list(answer.json()["fields"]) == ["filter"]
    assert not DebugSession.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "extension"),
        ({"extension": []}, "extension"),
        ({"extension": ""}, "extension"),
        ({"extension": "ext-1", "tail": 2001}, "tail"),
        ({"extension": "ext-1", "install": "x" * 201}, "install"),
        ({"extension": "ext-1", "transport": "pigeon"}, "transport"),
        ({"extension": "ext-1", "filter": "x" * 513}, "filter"),
        ({"extension": "ext-1", "tenant": "another"}, "tenant"),
        ({"extension": "ext-1", "request": "\x00"}, "request"),
    ],
)
def test_create__a_body_that_cannot_be__names_the_field(
    api: Api, extension: Extension, body: dict[str, Any], field: str
) -> None:
    answer = api.post(SESSIONS, body)

    assert answer.status_code == 400
    assert field in answer.json()["detail"]


@pytest.mark.parametrize(
    ("effect", "values", "code"),
    [
        ("deny", {}, "policy_denied"),
        ("approval", {}, "approval_required"),
        ("allow", {"require_capability": "cap:debug.logs"}, "capability_missing"),
        ("allow", {"roles": ["owner"]}, "role_denied"),
    ],
)
def test_create__refused__says_what_is_in_the_way(
    api: Api, extension: Extension, effect: str, values: dict[str, Any], code: str
) -> None:
    set_rule(effect, scope="extension", extension=extension, **values)

    answer = api.post(SESSIONS, {"extension": "ext-1"})

    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert DebugAudit.objects.filter(action="session.denied").count() == 1


def test_create__too_many_open__is_a_conflict(api: Api, extension: Extension) -> None:
    for _ in range(MOST_OF_USER):
        api.open("ext-1")

    answer = api.post(SESSIONS, {"extension": "ext-1"})

    assert (answer.status_code, answer.json()["code"]) == (409, "viewer_limit")


def test_create__too_often__says_when_to_come_again(api: Api, extension: Extension) -> None:
    for _ in range(CREATES_OF_USER):
        api.client.delete(path_of(api.open("ext-1")))

    answer = api.post(SESSIONS, {"extension": "ext-1"})

    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 50 <= int(answer["Retry-After"]) <= 60


def test_create__audit_cannot_be_written__makes_no_session(api: Api, extension: Extension) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE debug_audit ADD CONSTRAINT full_up CHECK (action <> 'session.opened') NOT VALID")

    answer = api.post(SESSIONS, {"extension": "ext-1"})

    assert (answer.status_code, answer.json()["code"]) == (503, "audit_unavailable")
    assert int(answer["Retry-After"]) > 0
    assert not DebugSession.objects.exists()


# -- What is done with one -------------------------------------------------------------------------------------------


def test_ticket__another__voids_the_first(api: Api, session: dict[str, Any]) -> None:
    answer = api.post(path_of(session, "/ticket")).json()

    assert answer["expires_in"] == 30
    assert redeem_ticket(session_id=uuid.UUID(session["id"]), ticket=answer["ticket"]).is_open
    with pytest.raises(TicketError):
        redeem_ticket(session_id=uuid.UUID(session["id"]), ticket=session["ticket"])


def test_change__filter_pause_and_share__are_kept_and_written_down(api: Api, session: dict[str, Any]) -> None:
    changed = api.call("PATCH", path_of(session), {"filter": "STREAM:stderr", "paused": True, "sample": 0.25}).json()

    assert (changed["filter"], changed["paused"], changed["sample"]) == ("stream:stderr", True, 0.25)
    actions = set(DebugAudit.objects.filter(session_id=session["id"]).values_list("action", flat=True))
    assert {"session.filter_changed", "session.paused", "session.sampled"} <= actions


def test_change__one_thing__leaves_the_others(api: Api, session: dict[str, Any]) -> None:
    api.call("PATCH", path_of(session), {"filter": "level:warn", "paused": True})

    changed = api.call("PATCH", path_of(session), {"paused": False}).json()

    assert (changed["filter"], changed["paused"]) == ("level:warn", False)


@pytest.mark.parametrize("body", [{}, {"sample": 1.5}, {"paused": "yes"}, {"filter": "("}, {"tail": 3}])
def test_change__what_cannot_be__changes_nothing(api: Api, session: dict[str, Any], body: dict[str, Any]) -> None:
    answer = api.call("PATCH", path_of(session), body)

    assert (answer.status_code, bool(answer.json()["fields"])) == (400, True)
    assert api.get(path_of(session)).json()["filter"] == ""


def test_change__no_longer_allowed__is_refused(api: Api, session: dict[str, Any], extension: Extension) -> None:
    set_rule("deny", scope="extension", extension=extension)

    answer = api.call("PATCH", path_of(session), {"filter": "level:warn"})

    assert (answer.status_code, answer.json()["code"]) == (403, "policy_denied")


def test_extend__to_the_end__is_a_conflict_there(api: Api, session: dict[str, Any]) -> None:
    longer = api.post(path_of(session, "/extend")).json()
    DebugSession.objects.update(expires_at=DebugSession.objects.get().hard_expires_at)

    answer = api.post(path_of(session, "/extend"))

    assert longer["expires_at"] > session["expires_at"]
    assert (answer.status_code, answer.json()["code"]) == (409, "at_limit")


def test_delete__twice__ends_it_once(api: Api, session: dict[str, Any]) -> None:
    statuses = [api.client.delete(path_of(session)).status_code for _ in range(2)]

    shown = api.get(path_of(session)).json()
    assert statuses == [204, 204]
    assert (shown["is_open"], shown["end_reason"]) == (False, "closed")
    assert DebugAudit.objects.filter(action="session.closed").count() == 1


def test_ended__takes_no_more(api: Api, session: dict[str, Any]) -> None:
    DebugSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    answers = [
        api.post(path_of(session, "/ticket")),
        api.post(path_of(session, "/extend")),
        api.call("PATCH", path_of(session), {"paused": True}),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(409, "ended")}


@override_settings(DEBUG_CONSOLE_ENABLED=False)
@pytest.mark.parametrize(
    "path", ["extensions", "sessions", "policy/explain", f"sessions/{uuid.UUID(int=1)}", "nothing"]
)
def test_switched_off__nothing_is_there(owner: User, path: str) -> None:
    answers = [Api(user=owner).get(f"/api/debug/{path}"), Api().get(f"/api/debug/{path}")]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "not_found")}
