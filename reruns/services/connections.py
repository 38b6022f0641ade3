"""SDK sockets as rows: opened, registered, seen, closed. Called by the web process that holds the socket.

A session id is its first project's: two sockets that claim it at once meet at the primary key of `SessionClaim`, and
the second project is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from observability.services.keys import KeyIdentity
from reruns.errors import RerunError
from reruns.models import SdkConnection, SessionClaim
from reruns.models.connections import LOST_AFTER
from reruns.wire.register import Registration

KEEP_CLOSED = timedelta(days=7)
KEEP_CLAIMS = timedelta(days=90)


class ForeignSessionError(RerunError):
    """The session id belongs to another project."""

    code = "session_of_another_project"
    status = 409


@dataclass(frozen=True, slots=True)
class Socket:
    """An open socket of an SDK, as its web process knows it."""

    sid: str
    process: str
    identity: KeyIdentity
    address: str | None


@transaction.atomic
def open_connection(socket: Socket, registration: Registration) -> SdkConnection:
    """Store a socket whose session is known, or what it says of itself when it registers. Idempotent.

    Raises `ForeignSessionError`. A registration without names keeps those of an earlier one.
    """
    assert registration.session_id is not None
    _claim(registration.session_id, socket.identity.project_id)
    now = timezone.now()
    said = {
        name: value
        for name in ("tools", "workflows", "branch", "sdk_version")
        if (value := getattr(registration, name))
    }
    connection, _ = SdkConnection.objects.update_or_create(
        sid=socket.sid,
        defaults={
            "project_id": socket.identity.project_id,
            "session_id": registration.session_id,
            "process": socket.process,
            "key_id": socket.identity.key_id,
            "may_rerun": "rerun" in socket.identity.scopes,
            "address": socket.address,
            "last_seen_at": now,
            "closed_at": None,
            **said,
        },
    )
    return connection


def mark_registered(connection: SdkConnection) -> None:
    """Note that the SDK is ready for triggers."""
    SdkConnection.objects.filter(pk=connection.pk).update(registered_at=timezone.now())


def close_connections(*, sids: list[str], because: str) -> None:
    """Note that sockets are closed. Idempotent; the first reason stays."""
    SdkConnection.objects.filter(sid__in=sids, closed_at=None).update(
        closed_at=timezone.now(), closed_because=because[:60]
    )


def close_process(process: str, *, because: str) -> int:
    """Note that a web process has ended, or is ending, and all its sockets with it."""
    found = SdkConnection.objects.filter(process=process, closed_at=None)
    return found.update(closed_at=timezone.now(), closed_because=because[:60])


def keep_alive(process: str, sids: list[str]) -> None:
    """Say that a web process still holds its sockets. One statement.

    A row that was taken for lost while the process could not say so is open again.
    """
    now = timezone.now()
    SdkConnection.objects.filter(process=process, sid__in=sids).update(
        last_seen_at=now, closed_at=None, closed_because=""
    )


def sweep_connections() -> int:
    """Close the sockets of processes that are gone and return how many; forget old ones and claims nobody uses."""
    now = timezone.now()
    lost = SdkConnection.objects.filter(closed_at=None, last_seen_at__lt=now - LOST_AFTER)
    closed = lost.update(closed_at=now, closed_because="Its web process is gone.")
    SdkConnection.objects.filter(closed_at__lt=now - KEEP_CLOSED).delete()
    used = SdkConnection.objects.values("session_id")
    SessionClaim.objects.filter(last_seen_at__lt=now - KEEP_CLAIMS).exclude(session_id__in=used).delete()
    return closed


def _claim(session_id: str, project_id: int) -> None:
    claim, _ = SessionClaim.objects.get_or_create(session_id=session_id, defaults={"project_id": project_id})
    if claim.project_id != project_id:
        raise ForeignSessionError("This session id belongs to another project.")
    SessionClaim.objects.filter(pk=session_id).update(last_seen_at=timezone.now())
