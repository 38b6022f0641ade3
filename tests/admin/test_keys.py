from __future__ import annotations

import re

import pytest
from auditlog.models import LogEntry
from django.test import Client

from observability.models import ApiKey, Project, User
from observability.services.keys import NewKey, check_key, revoke_key

KEYS = "/admin/observability/apikey/"
SHOWN = re.compile(r'<code class="secret">([^<]+)</code>')


@pytest.fixture
def signed_in(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def _add(client: Client, project: Project, changed: dict[str, object] | None = None) -> str:
    fields = {"project": project.pk, "name": "CI", "scopes": ["ingest", "read"], "expires_at_0": "", "expires_at_1": ""}
    return client.post(f"{KEYS}add/", fields | (changed or {})).content.decode()


def test_add__valid__shows_a_working_text_in_this_answer_only(
    signed_in: Client, operator: User, project: Project
) -> None:
    content = _add(signed_in, project)

    shown = SHOWN.search(content)
    assert shown is not None
    text = shown.group(1)
    identity = check_key(text)
    assert identity is not None
    assert identity.scopes == {"ingest", "read"}
    assert ApiKey.objects.get().created_by == operator
    secret = text.split(".")[1]
    assert secret not in signed_in.get(f"{KEYS}{identity.key_id}/change/").content.decode()
    assert secret not in signed_in.get(KEYS).content.decode()


@pytest.mark.parametrize("changed", [{"scopes": []}, {"scopes": ["everything"]}, {"name": ""}, {"project": ""}])
def test_add__invalid__makes_nothing(signed_in: Client, project: Project, changed: dict[str, object]) -> None:
    content = _add(signed_in, project, changed)

    assert SHOWN.search(content) is None
    assert not ApiKey.objects.exists()


def test_rotate__asked__does_nothing_yet(signed_in: Client, api_key: NewKey) -> None:
    response = signed_in.get(f"{KEYS}{api_key.key.pk}/rotate/")

    assert b"is made and shown once" in response.content
    assert ApiKey.objects.count() == 1


def test_rotate__confirmed__shows_the_successors_text(signed_in: Client, operator: User, api_key: NewKey) -> None:
    response = signed_in.post(f"{KEYS}{api_key.key.pk}/rotate/")

    shown = SHOWN.search(response.content.decode())
    assert shown is not None
    assert check_key(shown.group(1)) is not None
    assert check_key(api_key.text) is not None
    assert "no-store" in response.headers["Cache-Control"]
    assert ApiKey.objects.get(pk=api_key.key.pk).replaced_by is not None


def test_rotate__revoked_key__says_why_not(signed_in: Client, api_key: NewKey) -> None:
    revoke_key(key=api_key.key)

    response = signed_in.post(f"{KEYS}{api_key.key.pk}/rotate/", follow=True)

    assert b"only an active key" in response.content
    assert ApiKey.objects.count() == 1


def test_revoke__confirmed__stops_the_key_and_is_logged(signed_in: Client, operator: User, api_key: NewKey) -> None:
    response = signed_in.post(f"{KEYS}{api_key.key.pk}/revoke/", follow=True)

    assert b"Revoked" in response.content
    assert check_key(api_key.text) is None
    entry = LogEntry.objects.get_for_object(api_key.key).latest("timestamp")
    assert entry.actor == operator
    assert list(entry.changes_dict) == ["revoked_at"]


def test_revoke__no_such_key__is_not_found(signed_in: Client) -> None:
    assert signed_in.post(f"{KEYS}999999/revoke/").status_code == 404


def test_change__posted__changes_nothing(signed_in: Client, api_key: NewKey) -> None:
    response = signed_in.post(f"{KEYS}{api_key.key.pk}/change/", {"name": "Other", "scopes": ["admin"]})

    assert response.status_code == 403
    assert ApiKey.objects.get().name == "Test key"


def test_delete__nobody__may(signed_in: Client, api_key: NewKey) -> None:
    assert signed_in.post(f"{KEYS}{api_key.key.pk}/delete/", {"post": "yes"}).status_code == 403
    assert ApiKey.objects.exists()


@pytest.mark.parametrize(("state", "expected"), [("active", 1), ("revoked", 0), ("expired", 0)])
def test_list__by_state__keeps_those(signed_in: Client, api_key: NewKey, state: str, expected: int) -> None:
    content = signed_in.get(KEYS, {"state": state}).content.decode()

    assert (api_key.key.public_id in content) == bool(expected)
