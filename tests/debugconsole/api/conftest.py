"""Everybody who may come, what they come with, and whose things they come for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from debugconsole.models import Extension
from observability.models import Membership, Organization, Project, Role, Scope, User
from observability.services.accounts import create_person
from observability.services.keys import create_key
from observability.services.tenancy import create_project

PEOPLE = ("owner", "admin", "teammate", "viewer", "stranger")


class Api:
    """Calls the API with a key, or as a signed-in person."""

    def __init__(self, *, key: str | None = None, user: User | None = None) -> None:
        self.client = Client(headers={"api-key": key} if key else None)
        if user is not None:
            self.client.force_login(user)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = b"" if body is None else json.dumps(body).encode()
        return self.client.generic(method, path, sent, "application/json", headers=headers)

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body)

    def open(self, extension: Any, **more: Any) -> dict[str, Any]:
        """Open a session, and return it."""
        answer = self.post("/api/debug/sessions", {"extension": extension, **more})
        assert answer.status_code == 201, answer.content
        session: dict[str, Any] = answer.json()
        return session


@pytest.fixture
def admin(organization: Organization) -> User:
    person = create_person(email="admin@example.com", password="correct-horse-battery")
    Membership.objects.create(organization=organization, user=person, role=Role.ADMIN)
    return person


@pytest.fixture
def debug_key(project: Project, teammate: User) -> str:
    """A key that acts for the teammate."""
    return create_key(project=project, name="Keys", scopes=[Scope.READ, Scope.DEBUG], created_by=teammate).text


@pytest.fixture
def api(teammate: User) -> Api:
    """The API as the teammate sees it."""
    return Api(user=teammate)


@pytest.fixture
def other_key(organization: Organization, teammate: User) -> str:
    """A key of the same person for another project of the same organization."""
    other = create_project(organization=organization, name="Other desk")
    return create_key(project=other, name="Else", scopes=[Scope.READ, Scope.DEBUG], created_by=teammate).text


@pytest.fixture
def session(api: Api, extension: Extension) -> dict[str, Any]:
    """An open session of the teammate."""
    return api.open(extension.extension_id)
