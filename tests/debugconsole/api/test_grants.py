"""Leave over REST: asked for by one person, decided on by another, and gone when it is taken away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from debugconsole.models import DebugGrant, Extension
from debugconsole.services.grants import ASKED_A_MINUTE
from observability.models import User
from tests.debugconsole.api.conftest import PEOPLE, Api
from tests.debugconsole.conftest import set_rule

GRANTS = "/api/debug/grants"
PRODUCTION = override_settings(ENVIRONMENT="production", IS_PRODUCTION=True)
DECISIONS = ("approve", "refuse", "revoke")


@pytest.fixture
def grant(api: Api, extension: Extension) -> dict[str, Any]:
    """What the teammate asked for."""
    return ask(api)


def ask(api: Api, **more: Any) -> dict[str, Any]:
    answer = api.post(GRANTS, {"extension": "ext-1", "reason": "a look", **more})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def list_ids(api: Api, of: str) -> list[int]:
    return [item["id"] for item in api.get(f"{GRANTS}?of={of}").json()["items"]]


@PRODUCTION
def test_grant__approved_by_another__opens_what_was_closed(api: Api, grant: dict[str, Any], owner: User) -> None:
    closed = api.post("/api/debug/sessions", {"extension": "ext-1"})

    given = Api(user=owner).post(f"{GRANTS}/{grant['id']}/approve").json()

    assert (closed.status_code, grant["state"], given["state"]) == (403, "requested", "active")
    assert given["decided_by"]["email"] == "owner@example.com"
    assert api.open("ext-1")["policy"]["grant_id"] == grant["id"]


@PRODUCTION
def test_grant__taken_away__closes_again(api: Api, grant: dict[str, Any], admin: User) -> None:
    Api(user=admin).post(f"{GRANTS}/{grant['id']}/approve")

    gone = Api(user=admin).post(f"{GRANTS}/{grant['id']}/revoke").json()

    assert (gone["state"], gone["revoked_by"]["email"]) == ("revoked", "admin@example.com")
    assert api.post("/api/debug/sessions", {"extension": "ext-1"}).status_code == 403


def test_grant__approved_late__lasts_as_long_as_was_asked_for(api: Api, grant: dict[str, Any], owner: User) -> None:
    begun = timezone.now() - timedelta(minutes=50)
    DebugGrant.objects.update(not_before=begun, expires_at=begun + timedelta(minutes=60))

    Api(user=owner).post(f"{GRANTS}/{grant['id']}/approve")

    found = DebugGrant.objects.get()
    assert found.expires_at - found.not_before == timedelta(minutes=60)
    assert found.expires_at - timezone.now() > timedelta(minutes=59)


def test_lists__each_person__sees_what_is_theirs(
    api: Api, grant: dict[str, Any], owner: User, admin: User, viewer: User, stranger: User
) -> None:
    number = grant["id"]

    assert (list_ids(api, "mine"), list_ids(api, "to_decide")) == ([number], [])
    for decider in (owner, admin):
        assert (list_ids(Api(user=decider), "mine"), list_ids(Api(user=decider), "to_decide")) == ([], [number])
    for other in (viewer, stranger):
        assert [list_ids(Api(user=other), of) for of in ("mine", "to_decide", "given")] == [[], [], []]
    assert list_ids(Api(user=owner), "given") == []

    Api(user=owner).post(f"{GRANTS}/{number}/approve")

    assert (list_ids(Api(user=owner), "to_decide"), list_ids(Api(user=admin), "given")) == ([], [number])
    assert list_ids(api, "given") == []


def test_lists__one_or_many__take_as_many_queries(
    api: Api, grant: dict[str, Any], owner: User, extension: Extension
) -> None:
    queries = []
    for _ in range(2):
        for of in ("mine", "to_decide", "given"):
            with CaptureQueriesContext(connection) as captured:
                Api(user=owner).get(f"{GRANTS}?of={of}")
            queries.append(len(captured))
        for _ in range(3):
            ask(api)

    assert queries[:3] == queries[3:]


def test_item__says_what_the_reader_may_do(api: Api, grant: dict[str, Any], owner: User) -> None:
    seen = Api(user=owner).get(f"{GRANTS}/{grant['id']}").json()

    assert (grant["may_decide"], grant["may_revoke"]) == (False, True)
    assert (seen["may_decide"], seen["may_revoke"]) == (True, True)


@pytest.mark.parametrize("person", PEOPLE)
def test_decisions__each_person__may_or_knows_nothing_of_it(
    person: str, grant: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    api = Api(user=request.getfixturevalue(person))

    read = api.get(f"{GRANTS}/{grant['id']}").status_code
    decided = [api.post(f"{GRANTS}/{grant['id']}/{decision}").status_code for decision in DECISIONS]

    expected = {
        "owner": (200, [200, 409, 200]),
        "admin": (200, [200, 409, 200]),
        # Who asked may read it and take it back, and not approve it.
        "teammate": (200, [403, 403, 200]),
        "viewer": (404, [404, 404, 404]),
        "stranger": (404, [404, 404, 404]),
    }
    assert (read, decided) == expected[person]


def test_own_request__of_an_admin__takes_another_admin(owner: User, admin: User, extension: Extension) -> None:
    number = ask(Api(user=owner))["id"]

    own = Api(user=owner).post(f"{GRANTS}/{number}/approve")

    assert (own.status_code, own.json()["code"]) == (403, "denied")
    assert Api(user=admin).post(f"{GRANTS}/{number}/approve").status_code == 200


def test_key__asks_and_takes_back__but_decides_nothing(
    debug_key: str, other_key: str, api: Api, extension: Extension, owner: User, grant: dict[str, Any]
) -> None:
    asked = ask(Api(key=debug_key))["id"]

    assert list_ids(Api(key=debug_key), "mine") == [asked, grant["id"]]
    assert list_ids(Api(key=other_key), "mine") == []
    assert Api(key=other_key).get(f"{GRANTS}/{asked}").status_code == 404
    assert Api(key=other_key).post(GRANTS, {"extension": extension.pk, "reason": "a look"}).status_code == 404
    assert [Api(key=debug_key).post(f"{GRANTS}/{asked}/{decision}").status_code for decision in DECISIONS] == [
        403,
        403,
        200,
    ]


def test_ask__for_a_foreign_extension__finds_nothing(api: Api, foreign_extension: Extension) -> None:
    answer = api.post(GRANTS, {"extension": foreign_extension.pk, "reason": "a look"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_ask__an_operator__names_another_tenants_by_number(
    operator: User, foreign_extension: Extension, stranger: User
) -> None:
    api = Api(user=operator)

    unseen = api.get(f"/api/debug/policy/explain?extension={foreign_extension.pk}").status_code
    number = ask(api, extension=foreign_extension.pk)["id"]
    Api(user=stranger).post(f"{GRANTS}/{number}/approve")

    assert unseen == 404
    assert api.open(foreign_extension.pk)["policy"]["grant_id"] == number


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"reason": "a\x00b"}, "reason"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 10_000}, "minutes"),
        ({"ticket": "x" * 101}, "ticket"),
        ({"not_before": "soon"}, "not_before"),
        ({"not_before": "2199-01-01T00:00:00Z"}, "not_before"),
        ({"approved_by": 1}, "approved_by"),
    ],
)
def test_ask__what_cannot_be__names_the_field(api: Api, extension: Extension, more: dict[str, Any], field: str) -> None:
    answer = api.post(GRANTS, {"extension": "ext-1", "reason": "a look", **more})

    assert answer.status_code == 400
    assert field in answer.json()["detail"]
    assert not DebugGrant.objects.exists()


def test_ask__too_often__says_when_to_come_again(api: Api, extension: Extension) -> None:
    for _ in range(ASKED_A_MINUTE):
        ask(api)

    answer = api.post(GRANTS, {"extension": "ext-1", "reason": "a look"})

    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)


def test_grants__of_anonymous__are_asked_who_it_is(grant: dict[str, Any]) -> None:
    api = Api()

    answers = [api.get(GRANTS), api.post(GRANTS, {}), api.get(f"{GRANTS}/{grant['id']}")]
    answers += [api.post(f"{GRANTS}/{grant['id']}/{decision}") for decision in DECISIONS]

    assert {answer.status_code for answer in answers} == {401}


def test_rule_that_asks_for_approval__with_a_grant__lets_in(
    api: Api, grant: dict[str, Any], extension: Extension, owner: User
) -> None:
    set_rule("approval", scope="extension", extension=extension)
    before = api.post("/api/debug/sessions", {"extension": "ext-1"}).json()["code"]

    Api(user=owner).post(f"{GRANTS}/{grant['id']}/approve")

    assert before == "approval_required"
    assert api.open("ext-1")["is_open"]
