"""Leave to watch: what somebody asked for, and what admins have to decide."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from debugconsole.models import DebugGrant, Extension
from observability.errors import NotFoundError
from observability.models import User


def list_grants_to_decide(project_id: int) -> QuerySet[DebugGrant]:
    """Return what was asked for about a project's extensions and nobody has decided on yet, the oldest first."""
    waiting = DebugGrant.objects.filter(
        extension__project=project_id, approved_at=None, refused_at=None, revoked_at=None, expires_at__gt=timezone.now()
    )
    return waiting.select_related("extension", "requested_by").order_by("requested_at")


def list_active_grants(project_id: int) -> QuerySet[DebugGrant]:
    """Return the leave that holds now or will, for a project's extensions."""
    given = DebugGrant.objects.filter(
        extension__project=project_id, approved_at__isnull=False, revoked_at=None, expires_at__gt=timezone.now()
    )
    return given.select_related("extension", "requested_by", "approved_by").order_by("expires_at")


def find_last_grant(user: User, extension: Extension) -> DebugGrant | None:
    """Return what the person asked for last about an extension. Served by `debug_grants_of_person`."""
    return DebugGrant.objects.filter(requested_by=user, extension=extension).order_by("-pk").first()


def get_grant(project_id: int, number: int) -> DebugGrant:
    """Return a grant for an extension of a project. Raises `NotFoundError`."""
    found = DebugGrant.objects.filter(extension__project=project_id, pk=number).select_related("extension").first()
    if found is None:
        raise NotFoundError("No such grant.")
    return found
