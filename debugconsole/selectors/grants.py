"""Grants, to those who asked for them and to those who decide on them: admins of the extension's project."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import timezone

from debugconsole.models import DebugGrant, Extension
from debugconsole.selectors.extensions import get_extension_for_viewer, get_living_extension
from debugconsole.selectors.watchers import Watcher
from observability.errors import NotFoundError
from observability.models import Role, User
from observability.selectors.access import list_projects_for_user

MOST_GRANTS = 200


def list_own_grants(watcher: Watcher) -> list[DebugGrant]:
    """Return what the person asked for, newest first. One query."""
    return list(_visible(watcher).filter(requested_by=watcher.user)[:MOST_GRANTS])


def list_grants_to_decide(watcher: Watcher) -> list[DebugGrant]:
    """Return what waits for the person to decide, newest first. Two queries."""
    waiting = _visible(watcher).filter(approved_at=None, refused_at=None, revoked_at=None)
    found = waiting.filter(extension__project__in=list_decided_projects(watcher), expires_at__gt=timezone.now())
    return list(found.exclude(requested_by=watcher.user)[:MOST_GRANTS])


def list_given_grants(watcher: Watcher) -> list[DebugGrant]:
    """Return what holds now or will, and the person may take away, newest first. Two queries."""
    given = _visible(watcher).filter(approved_at__isnull=False, revoked_at=None, expires_at__gt=timezone.now())
    return list(given.filter(extension__project__in=list_decided_projects(watcher))[:MOST_GRANTS])


def get_grant_for_viewer(watcher: Watcher, number: int) -> DebugGrant:
    """Return a grant that the person asked for or may decide on. Raises `NotFoundError` for all others."""
    mine = Q(requested_by=watcher.user) | Q(extension__project__in=list_decided_projects(watcher))
    found = _visible(watcher).filter(mine, pk=number).first()
    if found is None:
        raise NotFoundError("No such grant.")
    return found


def find_last_grant(user: User, extension: Extension) -> DebugGrant | None:
    """Return what the person asked for last about an extension. Served by `debug_grants_of_person`."""
    return DebugGrant.objects.filter(requested_by=user, extension=extension).order_by("-pk").first()


def list_decided_projects(watcher: Watcher) -> set[int]:
    """Return the projects in which the person decides. One query."""
    return {access.project.pk for access in list_projects_for_user(watcher.user) if access.may(Role.ADMIN)}


def get_extension_to_ask_for(watcher: Watcher, named: str | int) -> Extension:
    """As `get_extension_for_viewer`. Operators may also name another tenant's by its number: they see it by grant."""
    try:
        return get_extension_for_viewer(watcher, named)
    except NotFoundError:
        if watcher.is_key or not watcher.user.is_superuser or not isinstance(named, int):
            raise
        return get_living_extension(named)


def _visible(watcher: Watcher) -> QuerySet[DebugGrant]:
    found = DebugGrant.objects.select_related(
        "extension__project", "extension__organization", "requested_by", "approved_by", "refused_by", "revoked_by"
    ).filter(extension__project__deleted_at=None, extension__organization__deleted_at=None)
    return found if watcher.project_id is None else found.filter(extension__project=watcher.project_id)
