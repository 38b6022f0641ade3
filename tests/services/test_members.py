from __future__ import annotations

import threading

import pytest
from django.db import connection

from observability.errors import DeniedError, InvalidError, ObservabilityError
from observability.models import Membership, Organization, Project, ProjectMembership, Role, User
from observability.services.members import (
    add_member,
    change_member,
    clear_project_role,
    remove_member,
    set_project_role,
)


def _membership(organization: Organization, user: User) -> Membership:
    return Membership.objects.get(organization=organization, user=user)


def test_add_member__by_admin__is_in(organization: Organization, stranger: User) -> None:
    membership = add_member(organization=organization, user=stranger, role="viewer", acting_role=Role.ADMIN)

    assert membership == _membership(organization, stranger)


def test_add_member__twice__is_refused(organization: Organization, teammate: User) -> None:
    with pytest.raises(InvalidError, match=r"user: .* is a member already"):
        add_member(organization=organization, user=teammate, role="viewer", acting_role=Role.OWNER)


def test_add_member__unknown_role__names_the_field(organization: Organization, stranger: User) -> None:
    with pytest.raises(InvalidError, match="role: "):
        add_member(organization=organization, user=stranger, role="boss", acting_role=Role.OWNER)


@pytest.mark.parametrize("acting_role", [Role.ENGINEER, Role.VIEWER])
def test_add_member__acting_below_admin__is_denied(
    organization: Organization, stranger: User, acting_role: Role
) -> None:
    with pytest.raises(DeniedError):
        add_member(organization=organization, user=stranger, role="viewer", acting_role=acting_role)


def test_add_member__admin_makes_owner__is_denied(organization: Organization, stranger: User) -> None:
    with pytest.raises(DeniedError, match="Only an owner"):
        add_member(organization=organization, user=stranger, role="owner", acting_role=Role.ADMIN)


def test_change_member__admin_changes_owner__is_denied(organization: Organization, owner: User) -> None:
    with pytest.raises(DeniedError, match="Only an owner"):
        change_member(membership=_membership(organization, owner), role="viewer", acting_role=Role.ADMIN)


def test_change_member__last_owner__is_refused(organization: Organization, owner: User, teammate: User) -> None:
    with pytest.raises(InvalidError, match="keeps at least one owner"):
        change_member(membership=_membership(organization, owner), role="admin", acting_role=Role.OWNER)

    assert _membership(organization, owner).role == Role.OWNER


def test_change_member__other_owner_cannot_sign_in__is_refused(
    organization: Organization, owner: User, teammate: User
) -> None:
    change_member(membership=_membership(organization, teammate), role="owner", acting_role=Role.OWNER)
    User.objects.filter(pk=teammate.pk).update(is_active=False)

    with pytest.raises(InvalidError, match="keeps at least one owner"):
        change_member(membership=_membership(organization, owner), role="admin", acting_role=Role.OWNER)


def test_change_member__another_owner_remains__is_done(organization: Organization, owner: User, teammate: User) -> None:
    change_member(membership=_membership(organization, teammate), role="owner", acting_role=Role.OWNER)

    change_member(membership=_membership(organization, owner), role="viewer", acting_role=Role.OWNER)

    assert _membership(organization, owner).role == Role.VIEWER


def test_remove_member__with_project_roles__goes_from_all(project: Project, teammate: User) -> None:
    set_project_role(project=project, user=teammate, role="admin", acting_role=Role.OWNER)

    remove_member(membership=_membership(project.organization, teammate), acting_role=Role.ADMIN)

    assert not Membership.objects.filter(user=teammate).exists()
    assert not ProjectMembership.objects.filter(user=teammate).exists()


def test_remove_member__last_owner__is_refused(organization: Organization, owner: User) -> None:
    with pytest.raises(InvalidError, match="keeps at least one owner"):
        remove_member(membership=_membership(organization, owner), acting_role=Role.OWNER)


def test_set_project_role__twice__last_one_holds(project: Project, teammate: User) -> None:
    set_project_role(project=project, user=teammate, role="viewer", acting_role=Role.ADMIN)
    set_project_role(project=project, user=teammate, role="admin", acting_role=Role.ADMIN)

    assert ProjectMembership.objects.get(project=project, user=teammate).role == Role.ADMIN


def test_set_project_role__of_the_organizations_owner_by_admin__is_denied(project: Project, owner: User) -> None:
    with pytest.raises(DeniedError):
        set_project_role(project=project, user=owner, role="viewer", acting_role=Role.ADMIN)

    assert not ProjectMembership.objects.exists()


def test_clear_project_role__of_owner_by_admin__is_denied(project: Project, teammate: User) -> None:
    override = set_project_role(project=project, user=teammate, role="owner", acting_role=Role.OWNER)

    with pytest.raises(DeniedError):
        clear_project_role(override=override, acting_role=Role.ADMIN)
    clear_project_role(override=override, acting_role=Role.OWNER)

    assert not ProjectMembership.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_remove_member__two_owners_remove_each_other_at_once__one_stays(
    organization: Organization, owner: User, teammate: User
) -> None:
    change_member(membership=_membership(organization, teammate), role="owner", acting_role=Role.OWNER)
    refused: list[str] = []
    start = threading.Barrier(2)

    def remove(user: User) -> None:
        start.wait()
        try:
            remove_member(membership=_membership(organization, user), acting_role=Role.OWNER)
        except ObservabilityError as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=remove, args=[user]) for user in (owner, teammate)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert Membership.objects.filter(organization=organization, role=Role.OWNER).count() == 1
