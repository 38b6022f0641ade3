"""Every address, met by everybody."""

from __future__ import annotations

import pytest

from observability.models import Event, LogEntry, Project, ProjectMembership, Role, Scope, User
from observability.services.keys import create_key, revoke_key
from tests.api.conftest import LISTS, READS, TRACE_ID, Api, write_trace

pytestmark = pytest.mark.usefixtures("store")


def _get_all(api: Api) -> dict[str, int]:
    numbered = [
        f"events/{Event.objects.get(span_id='root').id}",
        f"traces/{TRACE_ID}/logs/{LogEntry.objects.get().id}/fields",
    ]
    return {path: api.get(path).status_code for path in [*READS, *numbered]}


def test_read__key_with_the_scope__everything_of_its_project(project: Project, key_api: Api) -> None:
    write_trace(project)

    assert set(_get_all(key_api).values()) == {200}


def test_read__owner_teammate_and_viewer__everything(
    project: Project, owner: User, teammate: User, viewer: User
) -> None:
    write_trace(project)

    for user in (owner, teammate, viewer):
        assert set(_get_all(Api(user=user)).values()) == {200}


def test_read__stranger__nothing_of_it_exists(project: Project, foreign_project: Project, stranger: User) -> None:
    write_trace(project)

    statuses = _get_all(Api(user=stranger))

    assert {path for path, status in statuses.items() if status == 200} == LISTS
    assert set(statuses.values()) == {200, 404}
    assert Api(user=stranger).get("traces").json()["items"] == []
    assert Api(user=stranger).get("steps").json()["items"] == []


def test_read__key_of_another_project__nothing_of_it_exists(project: Project, foreign_project: Project) -> None:
    write_trace(project)
    api = Api(key=create_key(project=foreign_project, name="Foreign", scopes=[Scope.READ]).text)

    statuses = _get_all(api)

    assert {path for path, status in statuses.items() if status == 200} == LISTS
    assert api.get("traces", project=project.pk).status_code == 404


def test_read__person_without_a_project__not_found(project: Project, operator: User) -> None:
    write_trace(project)

    assert set(_get_all(Api(user=operator)).values()) == {404}


def test_read__key_without_the_scope__denied(project: Project) -> None:
    write_trace(project)
    key = create_key(project=project, name="Sender", scopes=[Scope.INGEST, Scope.ADMIN, Scope.RERUN, Scope.DEBUG])

    assert set(_get_all(Api(key=key.text)).values()) == {403}


def test_read__nobody_or_a_bad_key__unauthorized(project: Project) -> None:
    write_trace(project)
    revoked = create_key(project=project, name="Revoked", scopes=[Scope.READ])
    revoke_key(key=revoked.key)

    for api in (Api(), Api(key="ed_0000.never"), Api(key=revoked.text), Api(key="odd\x00key")):
        assert set(_get_all(api).values()) == {401}


def test_read__person_with_several_projects__names_one(project: Project, foreign_project: Project, owner: User) -> None:
    ProjectMembership.objects.create(project=foreign_project, user=owner, role=Role.VIEWER)
    write_trace(project)
    api = Api(user=owner)

    unnamed = api.get("traces")
    assert (unnamed.status_code, unnamed.json()["code"]) == (400, "invalid")
    assert len(api.get("traces", project="acme/support-desk").json()["items"]) == 1
    assert len(api.get("traces", project=project.pk).json()["items"]) == 1
    assert api.get("traces", project=foreign_project.pk).json()["items"] == []
    assert api.get("traces", project="acme/never").status_code == 404


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.ENGINEER])
def test_delete__role_that_may__deleted(project: Project, teammate: User, role: Role) -> None:
    write_trace(project)
    ProjectMembership.objects.create(project=project, user=teammate, role=role)

    assert Api(user=teammate).delete(READS[2]).status_code == 204
    assert Api(user=teammate).get(READS[2]).status_code == 404


def test_delete__viewer_denied_and_stranger_not_found(
    project: Project, foreign_project: Project, viewer: User, stranger: User
) -> None:
    write_trace(project)

    statuses = [Api(user=user).delete(READS[2]).status_code for user in (viewer, stranger)]

    assert statuses == [403, 404]
    assert Api(user=viewer).get(READS[2]).status_code == 200


def test_delete__key__takes_the_scope_admin(project: Project, key_api: Api) -> None:
    write_trace(project)
    admin = Api(key=create_key(project=project, name="Admin", scopes=[Scope.ADMIN]).text)

    assert key_api.delete(READS[2]).status_code == 403
    assert [admin.delete(READS[2]).status_code for _ in range(2)] == [204, 404]


def test_delete__person_without_a_csrf_token__denied(project: Project, owner: User) -> None:
    write_trace(project)
    api = Api(user=owner)
    api.client.handler.enforce_csrf_checks = True

    assert api.delete(READS[2]).status_code == 403
