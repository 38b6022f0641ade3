"""Reads of a project's API keys. Secrets are not stored, so nothing here can show one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import Q, Sum
from django.utils import timezone

from observability.errors import NotFoundError
from observability.models import ApiKey, KeyDay, Scope
from observability.models.tenancy import DEMO_KEY_NAME


def list_keys(project_id: int) -> list[ApiKey]:
    """Return the project's keys, newest first, each with who made it and its successor. One query."""
    return list(ApiKey.objects.filter(project_id=project_id).select_related("created_by", "replaced_by"))


def get_key(project_id: int, public_id: str) -> ApiKey:
    """Return one key of the project. One query. Raises `NotFoundError`, also for another project's key."""
    keys = ApiKey.objects.select_related("project").filter(project_id=project_id)
    # Postgres cannot even compare text that holds NUL.
    found = None if "\0" in public_id else keys.filter(public_id=public_id).first()
    if found is None:
        raise NotFoundError("No such key.")
    return found


def find_sending_key(project_id: int, *also: Scope) -> ApiKey | None:
    """Return the newest active key that may send data, and do what else is named, for quickstarts. One query."""
    return find_active_key(project_id, Scope.INGEST, *also)


def find_active_key(project_id: int, *scopes: Scope) -> ApiKey | None:
    """Return the newest active key with these scopes, for quickstarts. One query.

    Not one that is being replaced, and not the demo agents': nobody has seen its secret.
    """
    is_active = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    keys = ApiKey.objects.filter(is_active, project_id=project_id, scopes__contains=list(scopes), replaced_by=None)
    return keys.exclude(name=DEMO_KEY_NAME, created_by=None).first()


ACTIVITY_DAYS = 7


@dataclass(slots=True)
class KeyActivity:
    """What came with a key in the last `ACTIVITY_DAYS` days, by what became of it."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    causes: dict[str, int] = field(default_factory=dict)


def list_key_activity(project_id: int) -> dict[str, KeyActivity]:
    """Return the activity of the project's keys by public id. One query on the primary key of `key_days`."""
    since = timezone.now().date() - timedelta(days=ACTIVITY_DAYS - 1)
    rows = KeyDay.objects.filter(project_id=project_id, day__gte=since).values("public_id", "code")
    found: dict[str, KeyActivity] = {}
    for public_id, code, items in rows.annotate(total=Sum("items")).values_list("public_id", "code", "total"):
        activity = found.setdefault(public_id, KeyActivity())
        if code == "accepted":
            activity.accepted += items
        elif code == "duplicate":
            activity.duplicates += items
        else:
            activity.rejected += items
            activity.causes[code] = items
    return found
