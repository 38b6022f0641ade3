"""Reads of a project's API keys. Secrets are not stored, so nothing here can show one."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from observability.errors import NotFoundError
from observability.models import ApiKey, Scope
from observability.models.tenancy import DEMO_KEY_NAME


def list_keys(project_id: int) -> list[ApiKey]:
    """Return the project's keys, newest first, each with who made it and its successor. One query."""
    return list(ApiKey.objects.filter(project_id=project_id).select_related("created_by", "replaced_by"))


def get_key(project_id: int, public_id: str) -> ApiKey:
    """Return one key of the project. One query. Raises `NotFoundError`, also for another project's key."""
    found = ApiKey.objects.select_related("project").filter(project_id=project_id, public_id=public_id).first()
    if found is None:
        raise NotFoundError("No such key.")
    return found


def find_sending_key(project_id: int) -> ApiKey | None:
    """Return the newest active key that may send data, for quickstarts. One query.

    Not one that is being replaced, and not the demo agents': nobody has seen its secret.
    """
    is_active = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    keys = ApiKey.objects.filter(is_active, project_id=project_id, scopes__contains=[Scope.INGEST], replaced_by=None)
    return keys.exclude(name=DEMO_KEY_NAME, created_by=None).first()
