"""System checks: a wrong setting is refused at start, with what to do about it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages
from django.http.request import validate_host

from observability.models import Role

_BOUNDS = (
    "INGEST_MAX_COMPRESSED_BYTES",
    "INGEST_MAX_BODY_BYTES",
    "INGEST_MAX_INFLIGHT_BYTES",
    "INGEST_QUEUE_BYTES",
    "INGEST_BLOB_BYTES",
)


@register()
def check_secrets(**kwargs: Any) -> list[CheckMessage]:
    """The signing key must be there; encryption keys must be Fernet keys, and without them no original is kept."""
    found: list[CheckMessage] = []
    try:
        if not settings.SECRET_KEY:
            raise ImproperlyConfigured
    except ImproperlyConfigured:
        hint = "Set PLAYHEAD_SECRET_KEY to 50 random characters, or PLAYHEAD_DATA to the folder with `secret_key`."
        found.append(Error("There is no secret key to sign sessions with.", hint=hint, id="playhead.E001"))
    for number, key in enumerate(settings.ENCRYPTION_KEYS, start=1):
        if not _is_fernet_key(key):
            hint = "A key is 32 random bytes in URL-safe base64, 44 characters; several stand with commas between."
            message = f"PLAYHEAD_ENCRYPTION_KEYS: key {number} is no Fernet key."
            found.append(Error(message, hint=hint, id="playhead.E002"))
    if not settings.ENCRYPTION_KEYS:
        hint = "Set PLAYHEAD_ENCRYPTION_KEYS, or PLAYHEAD_DATA to the folder with `encryption_keys`."
        message = "There is no encryption key: the originals of redacted values are not kept for replays."
        found.append(Warning(message, hint=hint, id="playhead.W001"))
    return found


@register()
def check_servers(**kwargs: Any) -> list[CheckMessage]:
    """The database is Postgres, and the other server speaks Redis' protocol."""
    found: list[CheckMessage] = []
    engine = settings.DATABASES["default"]["ENGINE"]
    if engine != "django.db.backends.postgresql":
        hint = "Set DATABASE_URL to a Postgres 15 or newer: postgres://user:password@host:5432/name"
        found.append(Error(f"The store needs Postgres; the engine is {engine}.", hint=hint, id="playhead.E003"))
    if urlsplit(settings.REDIS_URL).scheme not in ("redis", "rediss", "unix"):
        hint = "Write redis://host:6379/0, rediss:// for TLS, or unix:///path/to/socket"
        found.append(Error("REDIS_URL is no address of a Valkey or Redis.", hint=hint, id="playhead.E004"))
    return found


@register()
def check_public_url(**kwargs: Any) -> list[CheckMessage]:
    """The public address is a bare http(s) address, whose host this product answers for."""
    parts = urlsplit(settings.PUBLIC_URL)
    is_bare = not (parts.path or parts.query or parts.fragment or parts.username)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_bare or not _has_valid_port(parts):
        hint = "Write scheme, host and port alone, such as https://playhead.example.com"
        message = f"PLAYHEAD_PUBLIC_URL is not the address of a site: {settings.PUBLIC_URL!r}"
        return [Error(message, hint=hint, id="playhead.E005")]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if not validate_host(host, settings.ALLOWED_HOSTS):
        hint = f"Add {host} to PLAYHEAD_ALLOWED_HOSTS, names with commas between."
        message = "The host of PLAYHEAD_PUBLIC_URL is not among those answered for, so every page there is refused."
        return [Warning(message, hint=hint, id="playhead.W002")]
    return []


@register()
def check_bounds(**kwargs: Any) -> list[CheckMessage]:
    """Every bound of the doors is above zero and fits the next, and partitions are made at least a day ahead."""
    found: list[CheckMessage] = [
        Error(f"{name} is {getattr(settings, name)}.", hint="Give a number of bytes above 0.", id="playhead.E006")
        for name in _BOUNDS
        if getattr(settings, name) <= 0
    ]
    if settings.INGEST_MAX_INFLIGHT_BYTES < settings.INGEST_MAX_BODY_BYTES:
        hint = "Raise INGEST_MAX_INFLIGHT_BYTES, or lower INGEST_MAX_BODY_BYTES."
        message = "A body of the largest size would never be let in: all bodies together may hold less."
        found.append(Error(message, hint=hint, id="playhead.E007"))
    if settings.PARTITION_DAYS_AHEAD < 1 or settings.PARTITION_DAYS_BACK < 0:
        hint = "Set PARTITION_DAYS_AHEAD to 1 or more and PARTITION_DAYS_BACK to 0 or more."
        message = "Partitions must reach from today or earlier to tomorrow or later."
        found.append(Error(message, hint=hint, id="playhead.E008"))
    if not 0 < settings.RETENTION_SHARE <= 1:
        hint = "Set RETENTION_SHARE to the share of its time that retention may work: above 0, at most 1."
        found.append(Error(f"RETENTION_SHARE is {settings.RETENTION_SHARE}.", hint=hint, id="playhead.E014"))
    return found


@register()
def check_blob_storage(**kwargs: Any) -> list[CheckMessage]:
    """The storage of large values can be made with its options; whether it answers is for `doctor` to say."""
    try:
        storages["blobs"]
    except (InvalidStorageError, ImproperlyConfigured, TypeError, ValueError) as error:
        hint = "Set PLAYHEAD_BLOB_STORAGE to a storage class and PLAYHEAD_BLOB_STORAGE_OPTIONS to its options in JSON."
        return [Error(f"The storage of large values cannot be used: {error}", hint=hint, id="playhead.E009")]
    return []


@register()
def check_single_sign_on(**kwargs: Any) -> list[CheckMessage]:
    """The organization's own sign-in is whole, and somebody can sign in at all."""
    wanted = settings.SINGLE_SIGN_ON
    if not wanted:
        return [] if settings.IS_PASSWORD_SIGN_IN else [_refuse_locked_door()]
    found: list[CheckMessage] = []
    if not wanted.client_id or not wanted.secret:
        hint = "Set PLAYHEAD_OIDC_CLIENT_ID and PLAYHEAD_OIDC_CLIENT_SECRET to what the provider shows for this client."
        found.append(Error("PLAYHEAD_OIDC_ISSUER is set without its client.", hint=hint, id="playhead.E010"))
    if not wanted.is_issuer_safe():
        hint = "Write the provider's issuer as it calls itself, such as https://login.example.com/realms/staff"
        message = f"PLAYHEAD_OIDC_ISSUER is no https address: {wanted.issuer!r}"
        found.append(Error(message, hint=hint, id="playhead.E011"))
    if wanted.role not in Role.values or wanted.role == Role.OWNER:
        hint = "Write admin, engineer or viewer."
        found.append(Error(f"PLAYHEAD_OIDC_ROLE is {wanted.role!r}.", hint=hint, id="playhead.E012"))
    if wanted.creates_accounts and not wanted.domains:
        hint = "Set PLAYHEAD_OIDC_DOMAINS to your own domains, with commas between."
        message = "Whoever has an account at the provider gets one here: PLAYHEAD_OIDC_DOMAINS is empty."
        found.append(Warning(message, hint=hint, id="playhead.W003"))
    return found


def _refuse_locked_door() -> CheckMessage:
    hint = "Set PLAYHEAD_OIDC_ISSUER, or leave PLAYHEAD_PASSWORD_SIGN_IN at true."
    return Error("Nobody can sign in: passwords are off and there is no provider.", hint=hint, id="playhead.E013")


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True


def _has_valid_port(parts: Any) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False
