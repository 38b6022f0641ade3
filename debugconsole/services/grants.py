"""Leave to watch for a while: asked for by one person, given by another who looks after the project."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from debugconsole.errors import DecidedError
from debugconsole.models import DebugGrant, Extension
from debugconsole.services.audit import write_audit
from debugconsole.services.pace import require_room
from observability.errors import DeniedError, InvalidError, NotFoundError
from observability.models import Role, User
from observability.selectors.access import get_project_by_id_for_user

MOST_HOURS = 72
MOST_DAYS_AHEAD = 30
ASKED_A_MINUTE = 10


@transaction.atomic
def request_grant(
    *,
    extension: Extension,
    requested_by: User,
    reason: str,
    minutes: int = 60,
    install_id: str = "",
    ticket: str = "",
    not_before: datetime | None = None,
) -> DebugGrant:
    """Ask for leave to watch an extension. Raises `InvalidError` naming the field.

    Members of its project may ask, and operators (superusers): that is how they come to see another tenant's lines.
    Raises `NotFoundError` for everybody else.
    """
    if not requested_by.is_superuser:
        get_project_by_id_for_user(requested_by, extension.project_id)
    require_room(ASKED_A_MINUTE, "grants a minute", action="grant.requested", actor_id=requested_by.pk)
    now = timezone.now()
    reason, begin = reason.strip(), max(now, not_before or now)
    if not 0 < len(reason) <= 300:
        raise InvalidError("reason: say in at most 300 characters what you are looking for")
    if not 1 <= minutes <= MOST_HOURS * 60:
        raise InvalidError(f"minutes: give 1 to {MOST_HOURS * 60}")
    if begin > now + timedelta(days=MOST_DAYS_AHEAD):
        raise InvalidError(f"not_before: give a time in the next {MOST_DAYS_AHEAD} days")
    for name, value, limit in (("reason", reason, 300), ("install", install_id, 200), ("ticket", ticket, 100)):
        if len(value) > limit or "\x00" in value:
            raise InvalidError(f"{name}: give at most {limit} characters, without NUL")
    grant = DebugGrant.objects.create(
        extension=extension,
        install_id=install_id,
        requested_by=requested_by,
        reason=reason,
        ticket=ticket,
        not_before=begin,
        expires_at=begin + timedelta(minutes=minutes),
    )
    _write("grant.requested", grant, requested_by)
    return grant


@transaction.atomic
def approve_grant(*, grant: DebugGrant, approved_by: User) -> DebugGrant:
    """Give leave, for as long as was asked for from now on: who decides late takes nothing away.

    Raises `DeniedError` for who asked themselves, `DecidedError` for what is not waiting for it.
    """
    locked = _lock(grant, approved_by)
    if locked.requested_by_id == approved_by.pk:
        raise DeniedError("Another person must approve it: you asked for it yourself.")
    _require_requested(locked)
    now = timezone.now()
    locked.approved_by, locked.approved_at = approved_by, now
    late = max(timedelta(0), now - locked.not_before)
    locked.not_before, locked.expires_at = locked.not_before + late, locked.expires_at + late
    locked.save(update_fields=["approved_by", "approved_at", "not_before", "expires_at"])
    _write("grant.approved", locked, approved_by)
    return locked


@transaction.atomic
def refuse_grant(*, grant: DebugGrant, refused_by: User) -> DebugGrant:
    """Refuse leave. Raises `DecidedError` for what is not waiting for it."""
    locked = _lock(grant, refused_by)
    _require_requested(locked)
    locked.refused_by, locked.refused_at = refused_by, timezone.now()
    locked.save(update_fields=["refused_by", "refused_at"])
    _write("grant.refused", locked, refused_by)
    return locked


@transaction.atomic
def revoke_grant(*, grant: DebugGrant, revoked_by: User) -> DebugGrant:
    """Take leave away: who watches by it is stopped within seconds. Idempotent. The one who has it may, too."""
    locked = _lock(grant, revoked_by, is_own_enough=True)
    if locked.revoked_at is None:
        locked.revoked_by, locked.revoked_at = revoked_by, timezone.now()
        locked.save(update_fields=["revoked_by", "revoked_at"])
        _write("grant.revoked", locked, revoked_by)
    return locked


def _lock(grant: DebugGrant, person: User, *, is_own_enough: bool = False) -> DebugGrant:
    """Lock a grant for who may decide on it: an admin of the extension's project. Foreign ones do not exist."""
    locked = (
        DebugGrant.objects.select_for_update(of=("self",)).select_related("extension", "requested_by").get(pk=grant.pk)
    )
    if is_own_enough and locked.requested_by_id == person.pk:
        return locked
    try:
        get_project_by_id_for_user(person, locked.extension.project_id, minimum_role=Role.ADMIN)
    except NotFoundError as error:
        raise NotFoundError("No such grant.") from error
    return locked


def _require_requested(grant: DebugGrant) -> None:
    if grant.state != "requested":
        raise DecidedError(f"grant: it is {grant.state} already")


def _write(action: str, grant: DebugGrant, actor: User) -> None:
    write_audit(
        action,
        actor=actor,
        extension=grant.extension,
        target=f"{grant.extension.extension_id} for {grant.requested_by.email}",
        grant=grant.pk,
        install=grant.install_id,
        reason=grant.reason,
        ticket=grant.ticket,
        expires_at=grant.expires_at.isoformat(),
    )
