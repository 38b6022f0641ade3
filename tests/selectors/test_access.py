from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from observability.errors import DeniedError, InvalidError, NotFoundError
from observability.models import Project, ProjectMembership, Role, Scope, User
from observability.selectors.access import (
    Caller,
    get_caller_of_key,
    get_caller_of_user,
    get_project_for_user,
    list_projects_for_user,
)
from observability.services.keys import NewKey, check_key
from observability.services.tenancy import create_project


def _get(user: User, project: Project, minimum_role: Role = Role.VIEWER) -> Role:
    return get_project_for_user(user, project.organization.slug, project.slug, minimum_role=minimum_role).role


def test_get_project__member_of_the_organization__has_its_role(owner: User, teammate: User, project: Project) -> None:
    roles = [_get(owner, project), _get(teammate, project)]

    assert roles == [Role.OWNER, Role.ENGINEER]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.VIEWER])
def test_get_project__role_in_the_project__replaces_the_organizations(
    teammate: User, project: Project, role: Role
) -> None:
    ProjectMembership.objects.create(project=project, user=teammate, role=role)

    assert _get(teammate, project) == role


def test_get_project__role_in_the_project_alone__is_enough_for_it(stranger: User, project: Project) -> None:
    ProjectMembership.objects.create(project=project, user=stranger, role=Role.VIEWER)

    assert _get(stranger, project) == Role.VIEWER
    assert [access.project for access in list_projects_for_user(stranger)] == [project]


def test_get_project__stranger_or_operator__not_found(stranger: User, operator: User, project: Project) -> None:
    for user in (stranger, operator):
        with pytest.raises(NotFoundError):
            _get(user, project)


def test_get_project__role_too_small__denied(viewer: User, project: Project) -> None:
    with pytest.raises(DeniedError, match="engineer"):
        _get(viewer, project, Role.ENGINEER)


def test_list_projects__one_or_many__one_query(
    owner: User, project: Project, foreign_project: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    create_project(organization=project.organization, name="Another")

    with django_assert_num_queries(1):
        names = [(found.project.organization.name, found.project.name) for found in list_projects_for_user(owner)]

    assert names == [("Acme", "Another"), ("Acme", "Support desk")]


def test_caller_of_user__one_project__is_taken(owner: User, project: Project) -> None:
    caller = get_caller_of_user(owner, chosen=None, current_id=None)

    assert (caller.project_id, caller.role) == (project.pk, Role.OWNER)


def test_caller_of_user__several_projects__must_name_one_or_have_one_open(owner: User, project: Project) -> None:
    other = create_project(organization=project.organization, name="Another")

    with pytest.raises(InvalidError, match="project"):
        get_caller_of_user(owner, chosen=None, current_id=None)
    assert get_caller_of_user(owner, chosen=None, current_id=other.pk).project_id == other.pk
    assert get_caller_of_user(owner, chosen=str(project.pk), current_id=other.pk).project_id == project.pk
    assert get_caller_of_user(owner, chosen="acme/support-desk", current_id=other.pk).project_id == project.pk


@pytest.mark.parametrize("chosen", ["foreign", "acme/none", "99999999999999999999999", "\x00", "acme/\x00", "/"])
def test_caller_of_user__foreign_or_odd_project__not_found(
    owner: User, project: Project, foreign_project: Project, chosen: str
) -> None:
    with pytest.raises(NotFoundError):
        get_caller_of_user(owner, chosen=chosen.replace("foreign", str(foreign_project.pk)), current_id=None)


def test_caller_of_user__no_project__not_found(operator: User) -> None:
    with pytest.raises(NotFoundError):
        get_caller_of_user(operator, chosen=None, current_id=None)


def test_caller_of_key__own_project_named_or_not__is_bound_to_it(api_key: NewKey, project: Project) -> None:
    identity = check_key(api_key.text)
    assert identity is not None

    callers = [get_caller_of_key(identity, chosen=name) for name in (None, str(project.pk), "acme/support-desk")]

    assert {caller.project_id for caller in callers} == {project.pk}


def test_caller_of_key__other_project__not_found(api_key: NewKey, foreign_project: Project) -> None:
    identity = check_key(api_key.text)
    assert identity is not None

    for chosen in (str(foreign_project.pk), "other/elsewhere", "acme/\x00"):
        with pytest.raises(NotFoundError):
            get_caller_of_key(identity, chosen=chosen)


def test_require__key__by_scope_and_person__by_role() -> None:
    key = Caller(project_id=1, scopes=frozenset({Scope.READ.value}))
    engineer = Caller(project_id=1, role=Role.ENGINEER)

    key.require(scope=Scope.READ, minimum_role=Role.OWNER)
    engineer.require(scope=Scope.ADMIN, minimum_role=Role.ENGINEER)
    with pytest.raises(DeniedError, match="`admin`"):
        key.require(scope=Scope.ADMIN)
    with pytest.raises(DeniedError, match="admin"):
        engineer.require(minimum_role=Role.ADMIN)
