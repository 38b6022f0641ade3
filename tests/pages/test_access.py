"""Who may open and change what: every page meets owner, teammate, viewer, stranger and nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from observability.ingest.fingerprints import fingerprint_error
from observability.models import ApiKey, Invitation, Project, ProjectMembership, Role, User
from observability.services.deletion import delete_traces
from observability.services.invitations import invite
from observability.services.keys import NewKey
from observability.services.policies import add_redaction_rule
from observability.services.tenancy import create_project
from tests.records import make_event, write

FINGERPRINT = fingerprint_error("workflow", "chat", "no")[0]
PAGES = [
    "overview/",
    "errors/",
    f"errors/{FINGERPRINT}/",
    "ingest/",
    "traces/",
    "traces-live/",
    "traces/t-1/",
    "compare/?left=t-1&right=t-1",
    "trace-header/t-1/",
    "steps/",
    "steps/workflow/chat/",
    "settings/",
    "settings/keys/",
    "settings/quickstart/",
    "settings/capture/",
    "settings/where/",
    "settings/where/?id=t-1",
    "settings/coverage/",
    "settings/members/",
    "settings/project/",
    "settings/project/deletions/",
    "settings/organization/",
]
CHANGES = [
    ("settings/keys/new/", {"name": "New", "scopes": ["ingest"], "expires": ""}),
    ("settings/keys/{key}/rotate/", {"overlap": "3600"}),
    ("settings/keys/{key}/revoke/", {}),
    ("settings/capture/change/", {"inputs": "on"}),
    ("settings/capture/rules/", {"kind": "key", "value": "ssn"}),
    ("settings/capture/rules/{rule}/", {"do": "remove"}),
    ("settings/members/invite/", {"email": "new@example.com", "role": "viewer", "place": "organization"}),
    ("settings/members/invitations/{invitation}/send/", {}),
    ("settings/members/invitations/{invitation}/revoke/", {}),
    ("settings/members/{viewer}/role/", {"role": "engineer"}),
    ("settings/members/{viewer}/remove/", {}),
    ("settings/project/rename/", {"name": "New name", "slug": "support-desk"}),
    ("settings/project/delete-traces/", {"before": "0", "name": "Support desk"}),
    ("settings/project/delete/", {"name": "Support desk"}),
    ("settings/organization/rename/", {"name": "New name"}),
    ("settings/organization/projects/", {"project-name": "Second"}),
]


@pytest.fixture
def base(project: Project, store: None) -> str:
    write(project.pk, make_event("t-1"), make_event("t-2", status="error", error_message="no"))
    return f"/o/{project.organization.slug}/p/{project.slug}/"


def get_status(user: User | None, path: str) -> int:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client.get(path).status_code


@pytest.mark.parametrize("path", PAGES)
def test_page__members__may_open_it(path: str, base: str, owner: User, teammate: User, viewer: User) -> None:
    wanted = 302 if path == "settings/" else 200

    assert [get_status(user, base + path) for user in (owner, teammate, viewer)] == [wanted] * 3


@pytest.mark.parametrize("path", PAGES)
def test_page__strangers__find_nothing(path: str, base: str, stranger: User, operator: User) -> None:
    assert get_status(stranger, base + path) == 404
    assert get_status(operator, base + path) == 404


@pytest.mark.parametrize("path", PAGES)
def test_page__nobody__is_asked_to_sign_in(path: str, base: str) -> None:
    answer = Client().get(base + path)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("header", ["HX-Request", "X-Requested-With"])
def test_page__nobody_and_a_script__is_told_so(header: str, base: str) -> None:
    answer = Client().get(base + "traces/", headers={header: "true"})

    assert answer.status_code == 401


@pytest.mark.parametrize(("path", "fields"), CHANGES)
def test_change__only_admins__may(
    path: str,
    fields: dict[str, str],
    base: str,
    owner: User,
    teammate: User,
    viewer: User,
    stranger: User,
    project: Project,
    api_key: NewKey,
) -> None:
    rule = add_redaction_rule(project=project, kind="key", value="customer")
    invitation = invite(
        organization=project.organization,
        email="open@example.com",
        role="viewer",
        invited_by=owner,
        acting_role=Role.OWNER,
    ).invitation
    Invitation.objects.update(sent_at=timezone.now() - timedelta(hours=2))
    numbers = {"rule": rule.pk, "invitation": invitation.pk, "viewer": viewer.pk}
    address = base + path.format(key=api_key.key.public_id, **numbers)

    statuses = []
    for user in (None, stranger, viewer, teammate, owner):
        client = Client()
        if user is not None:
            client.force_login(user)
        statuses.append(client.post(address, fields).status_code)

    assert statuses[:4] == [302, 404, 403, 403]
    assert statuses[4] in (200, 302)


@pytest.mark.parametrize(("path", "fields"), CHANGES)
def test_change__by_get__is_refused(path: str, fields: dict[str, str], base: str, owner: User, api_key: NewKey) -> None:
    assert get_status(owner, base + path.format(key=api_key.key.public_id, rule=1, invitation=1, viewer=1)) == 405


def test_key__of_another_project__is_not_found(
    base: str, owner: User, foreign_project: Project, api_key: NewKey
) -> None:
    ApiKey.objects.filter(pk=api_key.key.pk).update(project=foreign_project)
    client = Client()
    client.force_login(owner)

    answer = client.post(f"{base}settings/keys/{api_key.key.public_id}/revoke/")

    assert answer.status_code == 404
    assert ApiKey.objects.get(pk=api_key.key.pk).revoked_at is None


def test_key__of_an_impossible_id__is_not_found(base: str, owner: User) -> None:
    client = Client()
    client.force_login(owner)

    assert client.post(f"{base}settings/keys/ed_%00/revoke/").status_code == 404


def test_deletions__of_other_projects__are_not_told_to_who_is_in_one(
    base: str, project: Project, owner: User, stranger: User
) -> None:
    secret = create_project(organization=project.organization, name="Secret plans")
    delete_traces(project=secret, until=timezone.now(), requested_by=owner)
    ProjectMembership.objects.create(project=project, user=stranger, role=Role.VIEWER)
    clients = [Client(), Client()]
    for client, person in zip(clients, (owner, stranger), strict=True):
        client.force_login(person)

    told = [
        ["Secret plans" in client.get(f"{base}settings/{page}").content.decode() for client in clients]
        for page in ("project/", "project/deletions/", "organization/")
    ]

    assert told == [[True, False]] * 3


def test_trace__of_another_project__is_not_found(base: str, stranger: User, foreign_project: Project) -> None:
    path = f"/o/{foreign_project.organization.slug}/p/{foreign_project.slug}/traces/t-1/"

    assert get_status(stranger, path) == 404
