"""Who belongs to an organization or a project, and as what.

Callers authorise first (`selectors/access.py`) and pass the role they found as `acting_role`; the rules here hold
whoever calls:

- managing people takes the role admin; only an owner makes, changes or removes an owner;
- an organization keeps at least one owner who can sign in.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction

from observability.errors import DeniedError, InvalidError
from observability.models import Membership, Organization, Project, ProjectMembership, Role, User


@transaction.atomic
def add_member(*, organization: Organization, user: User, role: str, acting_role: Role) -> Membership:
    """Let a person into all projects of the organization. Raises `InvalidError` when they are a member already."""
    check_role_change(acting_role=acting_role, roles=[role])
    try:
        with transaction.atomic():
            return Membership.objects.create(organization=organization, user=user, role=role)
    except IntegrityError as error:
        raise InvalidError(f"user: {user} is a member already") from error


@transaction.atomic
def change_member(*, membership: Membership, role: str, acting_role: Role) -> Membership:
    """Give a member another role. Raises `InvalidError` when it would leave the organization without an owner."""
    locked = _lock_membership(membership)
    check_role_change(acting_role=acting_role, roles=[locked.role, role])
    if role != Role.OWNER:
        _check_owner_remains(locked)
    locked.role = role
    locked.save(update_fields=["role"])
    return locked


@transaction.atomic
def remove_member(*, membership: Membership, acting_role: Role) -> None:
    """Take a person out of the organization and of all its projects.

    Raises `InvalidError` when it would leave the organization without an owner.
    """
    locked = _lock_membership(membership)
    check_role_change(acting_role=acting_role, roles=[locked.role])
    _check_owner_remains(locked)
    for override in ProjectMembership.objects.filter(project__organization=locked.organization, user=locked.user):
        override.delete()
    locked.delete()


@transaction.atomic
def set_project_role(*, project: Project, user: User, role: str, acting_role: Role) -> ProjectMembership:
    """Give a person a role in one project, in place of the organization's, or none there. Idempotent.

    It takes away an owner of the organization as changing their role would, so that only an owner does it.
    """
    # The lock puts two changes of one person one after the other.
    Project.objects.select_for_update().get(pk=project.pk)
    found = ProjectMembership.objects.filter(project=project, user=user).first()
    membership = Membership.objects.filter(organization=project.organization_id, user=user).first()
    held = [one.role for one in (found, membership) if one is not None]
    check_role_change(acting_role=acting_role, roles=[role, *held])
    override = found or ProjectMembership(project=project, user=user)
    override.role = role
    override.save()
    return override


@transaction.atomic
def clear_project_role(*, override: ProjectMembership, acting_role: Role) -> None:
    """Remove a person's own role in a project: the organization's role holds again, if they have one."""
    check_role_change(acting_role=acting_role, roles=[override.role])
    override.delete()


@transaction.atomic
def leave_organization(*, organization: Organization, user: User) -> None:
    """Take oneself out of the organization and all its projects. Raises `InvalidError` for the last owner."""
    Organization.objects.select_for_update().get(pk=organization.pk)
    membership = Membership.objects.filter(organization=organization, user=user).first()
    if membership is None:
        raise InvalidError("organization: you are not a member of it, only of a project")
    # Nobody needs a role to go.
    remove_member(membership=membership, acting_role=Role.OWNER)


def check_may_leave(user: User) -> None:
    """Raise `InvalidError` when the person is the only owner of an organization, who must not be lost."""
    owned = Membership.objects.filter(user=user, role=Role.OWNER).values("organization")
    # Locked until the caller's transaction ends, so that two owners cannot both leave.
    for organization in Organization.objects.select_for_update().filter(pk__in=owned).order_by("pk"):
        _check_owner_remains(Membership.objects.get(organization=organization, user=user))


def _lock_membership(membership: Membership) -> Membership:
    """Lock the organization, then read the membership: two owners cannot remove each other at once."""
    Organization.objects.select_for_update().get(pk=membership.organization_id)
    return Membership.objects.select_related("organization", "user").get(pk=membership.pk)


def check_role_change(*, acting_role: Role, roles: list[str]) -> None:
    unknown = [role for role in roles if role not in Role.values]
    if unknown:
        raise InvalidError(f"role: choose from {', '.join(Role.values)}; got {unknown[0]!r}")
    if acting_role not in (Role.OWNER, Role.ADMIN):
        raise DeniedError(f"Managing people takes the role admin; yours is {acting_role.label.lower()}.")
    if Role.OWNER in roles and acting_role != Role.OWNER:
        raise DeniedError("Only an owner makes, changes or removes an owner.")


def _check_owner_remains(leaving: Membership) -> None:
    if leaving.role != Role.OWNER:
        return
    others = Membership.objects.filter(organization=leaving.organization, role=Role.OWNER, user__is_active=True)
    if not others.exclude(pk=leaving.pk).exists():
        raise InvalidError(
            f"role: {leaving.organization} keeps at least one owner who can sign in; make another member owner first"
        )
