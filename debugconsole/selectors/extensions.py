"""Extensions and installs, to those who may know of them."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import timezone

from debugconsole.models import DebugGrant, Extension
from observability.errors import NotFoundError, ObservabilityError
from observability.models import User
from observability.selectors.access import get_project_by_id_for_user


def list_extensions(project_id: int) -> QuerySet[Extension]:
    """Return a project's extensions by name, with project and organization. One query."""
    return _all().filter(project=project_id)


def get_extension(project_id: int, number: int) -> Extension:
    """Return an extension of a project by its number. Raises `NotFoundError`."""
    found = _all().filter(project=project_id, pk=number).first()
    if found is None:
        raise NotFoundError("No such extension.")
    return found


def get_extension_for_user(user: User, *, number: int) -> Extension:
    """Return an extension that the person may know of: in a project of theirs, or one they asked a grant for.

    Raises `NotFoundError` for all others.
    """
    found = _all().filter(pk=number).first()
    if found is None or not _may_know(user, found):
        raise NotFoundError("No such extension.")
    return found


def find_extension(*, organization_id: int, extension_id: str) -> Extension | None:
    """Return the extension that runners call so, in any case. Served by `extension_once_in_organization`."""
    return _all().filter(organization=organization_id, extension_id__iexact=extension_id).first()


def get_extension_for_user_by_id(user: User, extension_id: str) -> Extension:
    """As `get_extension_for_user`, by the id that runners use; of several tenants' the first the person may know of."""
    if "\x00" not in extension_id:
        for found in _all().filter(extension_id__iexact=extension_id).order_by("pk"):
            if _may_know(user, found):
                return found
    raise NotFoundError("No such extension.")


def _all() -> QuerySet[Extension]:
    alive = Q(project__deleted_at=None, organization__deleted_at=None)
    return Extension.objects.filter(alive).select_related("project__organization", "organization")


def _may_know(user: User, extension: Extension) -> bool:
    try:
        get_project_by_id_for_user(user, extension.project_id)
    except ObservabilityError:
        grants = DebugGrant.objects.filter(
            extension=extension, requested_by=user, approved_at__isnull=False, revoked_at=None
        )
        return grants.filter(expires_at__gt=timezone.now()).exists()
    return True
