from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from observability.models import (
    Deletion,
    Membership,
    Organization,
    Project,
    ProjectMembership,
    RedactionRule,
    Role,
    User,
)
from observability.selectors.access import list_projects_for_user
from observability.services.policies import add_redaction_rule

ORGANIZATIONS = "/admin/observability/organization/"
PROJECTS = "/admin/observability/project/"


@pytest.fixture
def signed_in(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def _table(prefix: str, rows: list[dict[str, Any]], *, existing: int = 0) -> dict[str, Any]:
    """Return the form fields of one table of rows below a form."""
    fields: dict[str, Any] = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": existing}
    for number, row in enumerate(rows):
        fields |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return fields


def _change_people(client: Client, organization: Organization, rows: list[dict[str, Any]], *, existing: int) -> str:
    fields = {"name": organization.name, "plan": organization.plan, "retention_days": ""}
    tables = _table("memberships", rows, existing=existing) | _table("projects", [])
    response = client.post(f"{ORGANIZATIONS}{organization.pk}/change/", fields | tables, follow=True)
    return response.content.decode()


def _change_project(client: Client, project: Project, rules: list[dict[str, Any]] | None = None, **fields: Any) -> str:
    switches = {
        "capture_inputs": "on",
        "capture_outputs": "on",
        "capture_error_stacks": "on",
        "capture_attributes": "on",
    }
    existing = sum(bool(rule["id"]) for rule in rules or [])
    tables = _table("redaction_rules", rules or [], existing=existing) | _table("memberships", [])
    data = {"name": project.name} | switches | tables | fields
    kept = {name: value for name, value in data.items() if value is not None}
    return client.post(f"{PROJECTS}{project.pk}/change/", kept, follow=True).content.decode()


def test_add_organization__without_slug__makes_one(signed_in: Client) -> None:
    signed_in.post(f"{ORGANIZATIONS}add/", {"name": "Acme Ltd", "slug": "", "plan": "team"})

    organization = Organization.objects.get()
    assert (organization.slug, organization.plan) == ("acme-ltd", "team")


def test_change_organization__name_and_plan__slug_stays(signed_in: Client, organization: Organization) -> None:
    signed_in.post(
        f"{ORGANIZATIONS}{organization.pk}/change/",
        {"name": "Renamed", "plan": "pro", "slug": "hacked"} | _table("memberships", []) | _table("projects", []),
    )

    organization.refresh_from_db()
    assert (organization.name, organization.plan, organization.slug) == ("Renamed", "pro", "acme")


def test_delete_organization__with_a_project__is_hidden_and_removed_later(
    signed_in: Client, project: Project, owner: User
) -> None:
    signed_in.post(f"{ORGANIZATIONS}{project.organization_id}/delete/", {"post": "yes"})

    assert Organization.objects.get().deleted_at
    assert list_projects_for_user(owner) == []
    assert Deletion.objects.get().project_id == project.pk


def test_people__added__is_member(signed_in: Client, organization: Organization, owner: User, stranger: User) -> None:
    membership = Membership.objects.get()
    rows = [
        {"id": membership.pk, "organization": organization.pk, "user": owner.pk, "role": "owner"},
        {"id": "", "organization": organization.pk, "user": stranger.pk, "role": "viewer"},
    ]

    _change_people(signed_in, organization, rows, existing=1)

    assert Membership.objects.get(user=stranger).role == Role.VIEWER


def test_people__last_owner_demoted__is_refused_and_said(
    signed_in: Client, organization: Organization, owner: User
) -> None:
    membership = Membership.objects.get()
    rows = [{"id": membership.pk, "organization": organization.pk, "user": owner.pk, "role": "viewer"}]

    content = _change_people(signed_in, organization, rows, existing=1)

    assert "keeps at least one owner" in content
    membership.refresh_from_db()
    assert membership.role == Role.OWNER


def test_people__last_owner_removed__is_refused(signed_in: Client, organization: Organization, owner: User) -> None:
    membership = Membership.objects.get()
    row = {"id": membership.pk, "organization": organization.pk, "user": owner.pk, "role": "owner", "DELETE": "on"}

    content = _change_people(signed_in, organization, [row], existing=1)

    assert "keeps at least one owner" in content
    assert Membership.objects.exists()


def test_add_project__by_operator__belongs_to_the_organization(signed_in: Client, organization: Organization) -> None:
    signed_in.post(f"{PROJECTS}add/", {"organization": organization.pk, "name": "Chat", "slug": ""})

    assert Project.objects.get().slug == "chat"


def test_change_project__switch_off__is_stored(signed_in: Client, project: Project) -> None:
    _change_project(signed_in, project, capture_outputs=None)

    project.refresh_from_db()
    assert (project.capture_inputs, project.capture_outputs) == (True, False)


def test_rules__added_and_switched_off__are_stored(signed_in: Client, project: Project) -> None:
    old = add_redaction_rule(project=project, kind="key", value="card")
    rules = [
        {"id": old.pk, "project": project.pk, "kind": "key", "value": "card"},
        {"id": "", "project": project.pk, "kind": "pattern", "value": r"EMP-\d+", "is_enabled": "on"},
    ]

    _change_project(signed_in, project, rules)

    assert not RedactionRule.objects.get(pk=old.pk).is_enabled
    assert RedactionRule.objects.get(kind="pattern").is_enabled


def test_rules__unusable_pattern__is_refused_and_nothing_is_stored(signed_in: Client, project: Project) -> None:
    rules = [{"id": "", "project": project.pk, "kind": "pattern", "value": "[a-", "is_enabled": "on"}]

    content = _change_project(signed_in, project, rules, name="Renamed")

    assert "not a valid RE2 pattern" in content
    project.refresh_from_db()
    assert project.name == "Support desk"
    assert not RedactionRule.objects.exists()


def test_project_roles__given_and_taken__are_stored(signed_in: Client, project: Project, teammate: User) -> None:
    row = {"id": "", "project": project.pk, "user": teammate.pk, "role": "viewer"}
    _change_project(signed_in, project, **_table("memberships", [row]))
    override = ProjectMembership.objects.get()

    _change_project(
        signed_in, project, **_table("memberships", [row | {"id": override.pk, "DELETE": "on"}], existing=1)
    )

    assert override.role == Role.VIEWER
    assert not ProjectMembership.objects.exists()


def test_project__page__links_to_its_traces(signed_in: Client, project: Project) -> None:
    content = signed_in.get(f"{PROJECTS}{project.pk}/change/").content.decode()

    assert reverse("observability:trace-list", args=["acme", "support-desk"]) in content
