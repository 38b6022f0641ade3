"""API keys: make, check, rotate, revoke.

Checking is on the path of every request, so an identity is remembered for `REMEMBER_SECONDS` in this process: that
is how long a revoked key may still work, and what a page that revokes one should say.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from channels.db import database_sync_to_async
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from observability.errors import InvalidError
from observability.models import ApiKey, Project, Scope, User

REMEMBER_SECONDS = 5.0
REMEMBER_MOST = 10_000
LAST_USED_EVERY = timedelta(minutes=1)
ROTATION_OVERLAP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """Who a key speaks for, and what it may do."""

    key_id: int
    public_id: str
    project_id: int
    organization_id: int
    scopes: frozenset[str]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `text` is the only place where its secret is ever in the clear."""

    key: ApiKey
    text: str


def create_key(
    *,
    project: Project,
    name: str,
    scopes: list[str],
    created_by: User | None = None,
    expires_at: datetime | None = None,
    text: str | None = None,
) -> NewKey:
    """Make a key of the project. `text` gives it instead of random (scripts, Compose).

    Raises `InvalidError` naming the field for an unknown scope, no scope, or a `text` that is not
    `<public id>.<secret>` with a secret of at least 20 characters.
    """
    unknown = sorted(set(scopes) - set(Scope.values))
    if unknown or not scopes:
        raise InvalidError(f"scopes: choose from {', '.join(Scope.values)}; got {', '.join(unknown) or 'none'}")
    public_id, secret = _split_given(text) if text else (f"ed_{secrets.token_hex(8)}", secrets.token_hex(24))
    key = ApiKey.objects.create(
        project=project,
        name=name,
        public_id=public_id,
        secret_hash=_hash(secret),
        scopes=scopes,
        created_by=created_by,
        expires_at=expires_at,
    )
    return NewKey(key=key, text=f"{public_id}.{secret}")


@transaction.atomic
def rotate_key(*, key: ApiKey, rotated_by: User | None, overlap: timedelta = ROTATION_OVERLAP) -> NewKey:
    """Make a successor with the same name and scopes; the old key works on for the overlap.

    Raises `InvalidError` when the key is not active or was rotated before.
    """
    key = ApiKey.objects.select_for_update().select_related("project").get(pk=key.pk)
    if key.state != "active" or key.replaced_by_id is not None:
        raise InvalidError("key: only an active key that was not rotated yet can be rotated")
    new = create_key(project=key.project, name=key.name, scopes=key.scopes, created_by=rotated_by)
    end = timezone.now() + overlap
    key.expires_at = min(key.expires_at, end) if key.expires_at else end
    key.replaced_by = new.key
    key.save(update_fields=["expires_at", "replaced_by"])
    transaction.on_commit(forget_keys, robust=True)
    return new


@transaction.atomic
def revoke_key(*, key: ApiKey) -> None:
    """Stop the key for good. Idempotent. Other processes follow within `REMEMBER_SECONDS`."""
    locked = ApiKey.objects.select_for_update().get(pk=key.pk)
    if locked.revoked_at is None:
        locked.revoked_at = timezone.now()
        # Saved, not updated in bulk: the audit log hears of saves.
        locked.save(update_fields=["revoked_at"])
    transaction.on_commit(forget_keys, robust=True)


_remembered: dict[str, tuple[float, KeyIdentity | None]] = {}


def check_key(text: str) -> KeyIdentity | None:
    """Return whom the key text speaks for, or None when it is unknown, revoked or expired. One query, then none."""
    known, identity = _recall(text)
    return identity if known else _load(text)


async def authenticate_key(text: str) -> KeyIdentity | None:
    """As `check_key`, for asynchronous callers outside Django's requests, whose connection is given back each time.

    Kept open, it would stay broken after Postgres restarted: nothing but a request's end looks after it.
    """
    known, identity = _recall(text)
    return identity if known else await database_sync_to_async(_load)(text)


def forget_keys() -> None:
    """Forget every remembered identity of this process."""
    _remembered.clear()


def _recall(text: str) -> tuple[bool, KeyIdentity | None]:
    found = _remembered.get(_hash(text))
    if found is None or found[0] < time.monotonic():
        return False, None
    identity = found[1]
    if identity and identity.expires_at and identity.expires_at <= timezone.now():
        return True, None
    return True, identity


def _load(text: str) -> KeyIdentity | None:
    identity = _find(text)
    if len(_remembered) >= REMEMBER_MOST:
        _remembered.clear()
    # The text is remembered by its hash, so a dump of memory holds no more than the table does.
    _remembered[_hash(text)] = (time.monotonic() + REMEMBER_SECONDS, identity)
    return identity


def find_active_key(text: str) -> ApiKey | None:
    """Return the key with this text if it may be used now. Always asks the database, and does not count as a use."""
    public_id, dot, secret = text.partition(".")
    # Postgres cannot even compare text that holds NUL, nor encode half a surrogate pair.
    if not dot or len(public_id) > 40 or not public_id.isascii() or "\x00" in public_id:
        return None
    keys = ApiKey.objects.select_related("project").filter(project__deleted_at=None, public_id=public_id)
    key = keys.first()
    if key is None or not has_secret(key, secret) or key.state != "active":
        return None
    return key


def has_secret(key: ApiKey, secret: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(key.secret_hash, _hash(secret))


def _find(text: str) -> KeyIdentity | None:
    key = find_active_key(text)
    if key is None:
        return None
    now = timezone.now()
    unused = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_EVERY)
    ApiKey.objects.filter(unused, pk=key.pk).update(last_used_at=now)
    return KeyIdentity(
        key_id=key.pk,
        public_id=key.public_id,
        project_id=key.project_id,
        organization_id=key.project.organization_id,
        scopes=frozenset(key.scopes),
        expires_at=key.expires_at,
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _split_given(text: str) -> tuple[str, str]:
    public_id, _, secret = text.partition(".")
    if not 3 <= len(public_id) <= 40 or len(secret) < 20:
        raise InvalidError("api key: give it as <public id>.<secret>, the secret at least 20 characters long")
    # Clients send it in a header, and Basic puts a colon between the halves.
    if re.search(r"[^!-~]|:", text):
        raise InvalidError("api key: only printable ASCII without spaces and colons")
    return public_id, secret
