"""Who belongs to a project, how, and who is asked to join."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.db.models import Max, Q

from observability.models import Invitation, Membership, Project, ProjectMembership, Role, User


@dataclass(slots=True)
class Person:
    """One person of a project: by the organization, by the project, or both."""

    user: User
    membership: Membership | None = None
    override: ProjectMembership | None = None
    last_seen_at: datetime | None = None

    @property
    def role(self) -> Role:
        """Return the role that holds in the project."""
        found = self.override or self.membership
        assert found is not None
        return Role(found.role)


def list_people(project: Project) -> list[Person]:
    """Return everybody of the organization and of this project, owners first, then by name. Three queries."""
    people: dict[int, Person] = {}
    for membership in Membership.objects.filter(organization=project.organization_id).select_related("user"):
        people[membership.user_id] = Person(membership.user, membership=membership)
    for override in ProjectMembership.objects.filter(project=project).select_related("user"):
        people.setdefault(override.user_id, Person(override.user)).override = override
    sessions = UserSession.objects.filter(user__in=people).values("user").annotate(at=Max("last_seen_at"))
    seen = dict(sessions.values_list("user", "at"))
    for person in people.values():
        times = [at for at in (seen.get(person.user.pk), person.user.last_login) if at]
        person.last_seen_at = max(times, default=None)
    ranks = {role: rank for rank, role in enumerate(Role)}
    return sorted(people.values(), key=lambda person: (ranks[person.role], person.user.email))


def list_open_invitations(project: Project) -> list[Invitation]:
    """Return who is invited to the organization or this project and has not answered, newest first. One query."""
    open_ = Invitation.objects.filter(accepted_at=None, revoked_at=None)
    place = Q(project=None, organization=project.organization_id) | Q(project=project)
    return list(open_.filter(place).select_related("invited_by"))


def get_invitation_of(project: Project, invitation_id: int) -> Invitation | None:
    """Return an invitation to the organization or this project; None for any other. One query."""
    place = Q(project=None, organization=project.organization_id) | Q(project=project)
    return Invitation.objects.filter(place, pk=invitation_id).first()


def is_last_owner(people: list[Person], person: Person) -> bool:
    """Say whether nobody else of these owns the organization and can sign in."""
    owners = [
        one.user.pk for one in people if one.membership and one.membership.role == Role.OWNER and one.user.is_active
    ]
    return owners == [person.user.pk]
