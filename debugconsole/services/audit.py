"""Writing down what was done: each row sealed with the one before, in the transaction of what it tells of.

1. The head row is locked, which puts rows in one order.
2. The new row takes the head's hash, and its own over everything it says.
3. The head takes the new row's number and hash.

What cannot be written down within `LOCK_SECONDS` is not done.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from debugconsole.errors import AuditUnavailableError
from debugconsole.metrics import AUDIT_FAILURES
from debugconsole.models import DebugAudit, DebugAuditHead, Extension
from observability.models import User

LOCK_SECONDS = 2
_CHUNK = 1_000


@transaction.atomic
def write_audit(
    action: str,
    *,
    actor: User | None,
    target: str,
    extension: Extension | None = None,
    organization_id: int | None = None,
    session_id: UUID | None = None,
    **detail: Any,
) -> DebugAudit:
    """Add a row. `detail` is texts, whole numbers, and lists and objects of them. Raises `AuditUnavailableError`."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            DebugAuditHead.objects.get_or_create(pk=1)
            head = DebugAuditHead.objects.select_for_update().get(pk=1)
            row = DebugAudit(
                seq=head.seq + 1,
                at=timezone.now(),
                actor_id=None if actor is None else actor.pk,
                actor="" if actor is None else actor.email,
                action=action,
                organization_id=organization_id if extension is None else extension.organization_id,
                extension_id=None if extension is None else extension.pk,
                target=target[:300],
                session_id=session_id,
                detail=detail,
                prev_hash=head.hash,
            )
            row.hash = seal(row)
            row.save(force_insert=True)
            head.seq, head.hash = row.seq, row.hash
            head.save()
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    except DatabaseError as error:
        AUDIT_FAILURES.inc()
        raise AuditUnavailableError("This could not be written to the audit, so it was not done.") from error
    return row


def seal(row: DebugAudit) -> str:
    """Return the hash over everything a row says, and over the hash before it."""
    said = [
        row.seq,
        row.at.isoformat(),
        row.actor_id,
        row.actor,
        row.action,
        row.organization_id,
        row.extension_id,
        row.target,
        None if row.session_id is None else str(row.session_id),
        row.detail,
        row.prev_hash,
    ]
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a look through the audit found. `broken_at` is the first row that is not what was written."""

    rows: int
    head: str
    broken_at: int | None = None
    problem: str = ""


def verify_audit() -> AuditReport:
    """Look through the whole audit. Keep `head` elsewhere, and nobody can write all of it anew unnoticed."""
    expected, previous = 1, ""
    for row in DebugAudit.objects.order_by("seq").iterator(chunk_size=_CHUNK):
        if row.seq != expected:
            return AuditReport(expected - 1, previous, expected, "the row is missing")
        if row.prev_hash != previous:
            return AuditReport(expected - 1, previous, row.seq, "the row does not follow the one before it")
        if seal(row) != row.hash:
            return AuditReport(expected - 1, previous, row.seq, "the row was changed")
        expected, previous = expected + 1, row.hash
    head = DebugAuditHead.objects.filter(pk=1).first()
    if head is not None and (head.seq, head.hash) != (expected - 1, previous):
        return AuditReport(expected - 1, previous, expected, "rows are missing at the end")
    return AuditReport(expected - 1, previous)
