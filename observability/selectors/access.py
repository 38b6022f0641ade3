"""Who may see and do what. The only place that turns memberships and key scopes into an answer.

A role in a project (`ProjectMembership`) replaces the organization's (`Membership`), upwards and downwards. Whoever
has neither does not learn that the project exists. Superusers are no exception: Django admin is their place, and the
pages show them the projects they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from observability.errors import DeniedError, InvalidError, NotFoundError
from observability.models import Membership, Project, ProjectMembership, Role, Scope, User
from observability.services.keys import KeyIdentity

_RANKS = {role: rank for rank, role in enumerate((Role.VIEWER, Role.ENGINEER, Role.ADMIN, Role.OWNER))}


@dataclass(frozen=True, slots=True)
class ProjectAccess:
    """A project and what the person may do in it. The organization is loaded with it."""

    project: Project
    role: Role

    def may(self, minimum_role: Role) -> bool:
        """Say whether the person's role includes this one."""
        return _RANKS[self.role] >= _RANKS[minimum_role]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls an interface, bound to one project: a key by its scopes, or a person by their role."""

    project_id: int
    user: User | None = None
    role: Role | None = None
    scopes: frozenset[str] = frozenset()

    def may(self, *, scope: Scope, minimum_role: Role) -> bool:
        """Say whether a key with this scope, or a person with this role, may go on: the caller is one of them."""
        if self.role is None:
            return scope in self.scopes
        return _RANKS[self.role] >= _RANKS[minimum_role]

    def require(self, *, scope: Scope = Scope.READ, minimum_role: Role = Role.VIEWER) -> None:
        """Raise `DeniedError`, saying what is missing, unless the caller may go on."""
        if self.may(scope=scope, minimum_role=minimum_role):
            return
        if self.role is None:
            raise DeniedError(f"The API key lacks the scope `{scope.value}`.")
        raise DeniedError(f"This takes the role {minimum_role.label.lower()}; yours is {self.role.label.lower()}.")


def list_projects_for_user(user: User) -> list[ProjectAccess]:
    """Return every project the person belongs to, by organization and name. One query."""
    return [_make_access(project) for project in _projects_of(user).order_by("organization__name", "name", "pk")]


def get_project_for_user(
    user: User, org_slug: str, project_slug: str, *, minimum_role: Role = Role.VIEWER
) -> ProjectAccess:
    """Return the project under these slugs. One query.

    Raises `NotFoundError` when there is none or the person does not belong to it, and `DeniedError` when their role
    does not include `minimum_role`.
    """
    found = _projects_of(user).filter(organization__slug=org_slug, slug=project_slug).first()
    return _check_access(found, minimum_role)


def get_project_by_id_for_user(user: User, project_id: int, *, minimum_role: Role = Role.VIEWER) -> ProjectAccess:
    """As `get_project_for_user`, by number."""
    return _check_access(_projects_of(user).filter(pk=project_id).first(), minimum_role)


def get_organization_role(user: User, organization_id: int) -> Role | None:
    """Return the person's role in an organization; None for somebody who is in one of its projects alone. One query."""
    role = Membership.objects.filter(organization=organization_id, user=user).values_list("role", flat=True).first()
    return None if role is None else Role(role)


def get_caller_of_key(identity: KeyIdentity, *, chosen: str | None = None) -> Caller:
    """Return the caller a key stands for. `chosen` may repeat the key's own project; any other is `NotFoundError`."""
    if chosen and not _is_own_project(identity, chosen):
        raise NotFoundError("No such project.")
    return Caller(project_id=identity.project_id, scopes=identity.scopes)


def get_caller_of_user(user: User, *, chosen: str | None, current_id: int | None) -> Caller:
    """Return the caller a signed-in person is in one project.

    Parameters
    ----------
    chosen
        The project as its number or `<organization slug>/<project slug>`; raises `NotFoundError` for a foreign one.
    current_id
        The project open in the person's pages, taken when they chose none. Without either, the only project they
        have is taken; raises `InvalidError` when they have several.
    """
    access = _get_chosen(user, chosen) if chosen else _get_default(list_projects_for_user(user), current_id)
    return Caller(project_id=access.project.pk, user=user, role=access.role)


def _projects_of(user: User) -> QuerySet[Project]:
    """Return the person's projects, each with `effective_role`. Served by the unique keys of both memberships."""
    in_project = ProjectMembership.objects.filter(project=OuterRef("pk"), user=user).values("role")
    in_organization = Membership.objects.filter(organization=OuterRef("organization"), user=user).values("role")
    return (
        Project.objects.select_related("organization")
        .annotate(effective_role=Coalesce(Subquery(in_project), Subquery(in_organization)))
        .filter(effective_role__isnull=False, deleted_at=None, organization__deleted_at=None)
    )


def _make_access(project: Project) -> ProjectAccess:
    return ProjectAccess(project=project, role=Role(project.effective_role))  # type: ignore[attr-defined]


def _check_access(found: Project | None, minimum_role: Role) -> ProjectAccess:
    if found is None:
        raise NotFoundError("No such project.")
    access = _make_access(found)
    if not access.may(minimum_role):
        raise DeniedError(f"This takes the role {minimum_role.label.lower()}; yours is {access.role.label.lower()}.")
    return access


def _get_chosen(user: User, chosen: str) -> ProjectAccess:
    # Postgres cannot even compare text that holds NUL.
    if "\0" in chosen:
        raise NotFoundError("No such project.")
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 19:
        return get_project_by_id_for_user(user, int(chosen))
    org_slug, _, project_slug = chosen.partition("/")
    return get_project_for_user(user, org_slug, project_slug)


def _get_default(found: list[ProjectAccess], current_id: int | None) -> ProjectAccess:
    for access in found:
        if access.project.pk == current_id:
            return access
    if not found:
        raise NotFoundError("You do not belong to a project yet.")
    if len(found) > 1:
        raise InvalidError("project: you have several; name one by its number or as <organization>/<project>")
    return found[0]


def _is_own_project(identity: KeyIdentity, chosen: str) -> bool:
    if chosen == str(identity.project_id):
        return True
    org_slug, _, project_slug = chosen.partition("/")
    own = Project.objects.filter(pk=identity.project_id, organization__slug=org_slug, slug=project_slug)
    return "\0" not in chosen and own.exists()
