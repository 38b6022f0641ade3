from __future__ import annotations

import pytest

from observability.errors import InvalidError
from observability.models import Membership, Organization, Role, User
from observability.services.tenancy import (
    change_plan,
    create_organization,
    create_project,
    rename_organization,
    rename_project,
)


def test_create_organization__owner_given__owns_it(owner: User) -> None:
    organization = create_organization(name="Acme Ltd", owner=owner, plan="team")

    assert organization.slug == "acme-ltd"
    assert organization.plan == "team"
    assert Membership.objects.get(organization=organization).user == owner
    assert Membership.objects.get(organization=organization).role == Role.OWNER


def test_create_organization__names_alike__slugs_differ(db: None) -> None:
    slugs = [create_organization(name="Acme").slug for _ in range(11)]

    assert slugs[:3] == ["acme", "acme-2", "acme-3"]
    assert len(set(slugs)) == 11


def test_create_organization__name_without_letters__still_has_an_address(db: None) -> None:
    assert create_organization(name="株式会社").slug == "organization"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x00b"])
def test_create_organization__unusable_name__names_the_field(db: None, name: str) -> None:
    with pytest.raises(InvalidError, match="name: "):
        create_organization(name=name)


def test_create_organization__slug_taken__is_refused(organization: Organization) -> None:
    with pytest.raises(InvalidError, match="slug: 'acme' is taken"):
        create_organization(name="Another", slug="acme")


def test_create_organization__slug_not_fit_for_an_address__is_refused(db: None) -> None:
    with pytest.raises(InvalidError, match="slug: only"):
        create_organization(name="Another", slug="A b/c")


def test_create_organization__unknown_plan__names_the_field(db: None) -> None:
    with pytest.raises(InvalidError, match="plan: "):
        create_organization(name="Acme", plan="gold")


def test_create_project__same_name_in_two_organizations__same_slug(organization: Organization) -> None:
    other = create_organization(name="Other")

    assert create_project(organization=organization, name="Chat").slug == "chat"
    assert create_project(organization=other, name="Chat").slug == "chat"
    assert create_project(organization=other, name="Chat").slug == "chat-2"


def test_rename__name_changes__slug_stays(organization: Organization) -> None:
    project = create_project(organization=organization, name="Chat")

    rename_organization(organization=organization, name="Acme Two")
    rename_project(project=project, name="Talk")

    organization.refresh_from_db()
    project.refresh_from_db()
    assert (organization.name, organization.slug) == ("Acme Two", "acme")
    assert (project.name, project.slug) == ("Talk", "chat")


def test_change_plan__unknown__is_refused(organization: Organization) -> None:
    change_plan(organization=organization, plan="pro")

    with pytest.raises(InvalidError, match="plan: "):
        change_plan(organization=organization, plan="gold")

    organization.refresh_from_db()
    assert organization.plan == "pro"
