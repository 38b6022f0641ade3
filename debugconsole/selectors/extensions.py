"""Extensions and installs, to those who may know of them."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from debugconsole.models import DebugGrant, DebugSession, Extension
from debugconsole.selectors.watchers import Watcher
from observability.errors import NotFoundError, ObservabilityError
from observability.models import User
from observability.selectors.access import get_project_by_id_for_user, list_projects_for_user

MOST_EXTENSIONS = 500
_MOST_DIGITS = 18


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


def list_extensions_for_viewer(watcher: Watcher, *, project_id: int | None = None) -> list[Extension]:
    """Return the extensions of the person's projects, or of one of them, by project and name. Two queries.

    Raises `NotFoundError` for a project that is not theirs, or not the key's.
    """
    mine = {access.project.pk for access in list_projects_for_user(watcher.user)}
    if watcher.project_id is not None:
        mine &= {watcher.project_id}
    if project_id is not None:
        if project_id not in mine:
            raise NotFoundError("No such project.")
        mine = {project_id}
    return list(_all().filter(project__in=mine).order_by("project__name", "name", "pk")[:MOST_EXTENSIONS])


def get_extension_for_viewer(watcher: Watcher, named: str | int) -> Extension:
    """Return what is called so: by the id that runners use, in any case, or by its number.

    Raises `NotFoundError` for what the person may not know of, and for what is not in the key's project.
    """
    found = _all() if watcher.project_id is None else _all().filter(project=watcher.project_id)
    if isinstance(named, str):
        by_id = found.filter(extension_id__iexact=named).order_by("pk") if "\x00" not in named else found.none()
        for extension in by_id:
            if _may_know(watcher.user, extension):
                return extension
    number = _read_number(named)
    numbered = None if number is None else found.filter(pk=number).first()
    if numbered is None or not _may_know(watcher.user, numbered):
        raise NotFoundError("No such extension.")
    return numbered


def get_living_extension(number: int) -> Extension:
    """Return any extension, whoever asks: for operators alone. Raises `NotFoundError`."""
    found = _all().filter(pk=number).first()
    if found is None:
        raise NotFoundError("No such extension.")
    return found


def list_extensions_called(watcher: Watcher, extension_id: str) -> list[Extension]:
    """Return what runners call so, in any case, of all tenants where the person may know of it."""
    found = _all() if watcher.project_id is None else _all().filter(project=watcher.project_id)
    if "\x00" in extension_id:
        return []
    named = found.filter(extension_id__iexact=extension_id).order_by("pk")
    return [extension for extension in named if _may_know(watcher.user, extension)]


def find_extension(*, organization_id: int, extension_id: str) -> Extension | None:
    """Return the extension that runners call so, in any case. Served by `extension_once_in_organization`."""
    return _all().filter(organization=organization_id, extension_id__iexact=extension_id).first()


def count_viewers(extension_ids: Collection[int]) -> dict[int, int]:
    """Return how many sessions of each extension are open now; none: left out. Served by `debug_sessions_open`."""
    open_ones = DebugSession.objects.filter(extension__in=extension_ids, ended_at=None, expires_at__gt=timezone.now())
    return dict(open_ones.values_list("extension").annotate(Count("pk")).order_by())


def _all() -> QuerySet[Extension]:
    alive = Q(project__deleted_at=None, organization__deleted_at=None)
    return Extension.objects.filter(alive).select_related("project__organization", "organization")


def _read_number(named: str | int) -> int | None:
    text = str(named)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def _may_know(user: User, extension: Extension) -> bool:
    try:
        get_project_by_id_for_user(user, extension.project_id)
    except ObservabilityError:
        grants = DebugGrant.objects.filter(
            extension=extension, requested_by=user, approved_at__isnull=False, revoked_at=None
        )
        return grants.filter(expires_at__gt=timezone.now()).exists()
    return True
