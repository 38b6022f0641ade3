"""The people every page, endpoint, socket and task meets, and the project they meet over.

`owner` and `teammate` (an engineer) belong to `organization`, which has `project`; `viewer` may only look. `stranger`
owns another organization with a `foreign_project`. `operator` may enter Django admin and belongs to nothing.
Everybody signs in with `PASSWORD`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import override_settings

from observability.models import Membership, Organization, Project, Role, Scope, User
from observability.services.accounts import create_person
from observability.services.key_refusals import forget_refusals
from observability.services.keys import NewKey, create_key, forget_keys
from observability.services.policies import forget_policies
from observability.services.tenancy import create_organization, create_project
from observability.sql.store import DISTRIBUTED
from tests.citus.recorder import record

PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _forget() -> None:
    """Start with nothing remembered: rows of the last test are gone, their ids may come again."""
    forget_keys()
    forget_refusals()
    forget_policies()


@pytest.fixture(autouse=True, scope="session")
def _hash_passwords_fast() -> Iterator[None]:
    """Spare every test the half second that a real hash is meant to cost."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True, scope="session")
def _keep_to_citus() -> Iterator[None]:
    """Fail whatever makes the product issue a statement that Citus would refuse."""
    with record():
        yield


@pytest.fixture
def owner(db: None) -> User:
    return create_person(email="owner@example.com", password=PASSWORD, name="Olive Owner")


@pytest.fixture
def organization(owner: User) -> Organization:
    return create_organization(name="Acme", owner=owner)


@pytest.fixture
def project(organization: Organization) -> Project:
    return create_project(organization=organization, name="Support desk")


@pytest.fixture
def teammate(organization: Organization) -> User:
    return _add_member(organization, email="teammate@example.com", role=Role.ENGINEER)


@pytest.fixture
def viewer(organization: Organization) -> User:
    return _add_member(organization, email="viewer@example.com", role=Role.VIEWER)


@pytest.fixture
def stranger(db: None) -> User:
    return create_person(email="stranger@example.com", password=PASSWORD, name="Sam Stranger")


@pytest.fixture
def foreign_project(stranger: User) -> Project:
    return create_project(organization=create_organization(name="Other", owner=stranger), name="Elsewhere")


@pytest.fixture
def operator(db: None) -> User:
    return create_person(email="operator@example.com", password=PASSWORD, name="Ona Operator", is_admin=True)


@pytest.fixture
def api_key(project: Project) -> NewKey:
    """A key that may send and read; `.text` is what a client sends."""
    return create_key(project=project, name="Test key", scopes=[Scope.INGEST, Scope.READ])


@pytest.fixture
def store(transactional_db: None) -> Iterator[None]:
    """Leave the store's tables empty: Django empties only the tables that it made itself."""
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(DISTRIBUTED)}")


def _add_member(organization: Organization, *, email: str, role: Role) -> User:
    user = create_person(email=email, password=PASSWORD)
    Membership.objects.create(organization=organization, user=user, role=role)
    return user
