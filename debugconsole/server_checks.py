"""Whether the server of the streams is one, and is guarded as it should be. Asked in seconds, and changes nothing."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

import psycopg
import redis
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import DatabaseError
from psycopg_pool import PoolTimeout
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.retry import Retry

from debugconsole.checks import TAG
from debugconsole.models import DebugPolicy

TIMEOUT_SECONDS = 2.0
OLDEST = (7, 0)
_NOBODYS_KEY = "playhead:no-such-key"
_HERE = ("", "localhost", "127.0.0.1", "::1")
_TLS_HINT = "Use rediss:// for a server with TLS and redis:// for one without."


@register(TAG, deploy=True)
def check_server(**kwargs: Any) -> list[CheckMessage]:
    """Reach it, and look at its version, its memory policy and what our user may do."""
    if not settings.DEBUG_CONSOLE_ENABLED:
        return []
    try:
        with _connect() as client:
            info = dict(client.info())
            rights = _list_excess(client)
    except NoPermissionError:
        hint = "Give the user what docs/debug-streams.acl gives to `playhead`."
        return [Warning("The user of DEBUG_REDIS_URL may not ask INFO.", hint=hint, id="playhead.W034")]
    except AuthenticationError as error:
        hint = "Name a user and its password: redis://playhead:...@host:6379/0."
        return [Error(f"The server of the streams does not let us in: {error}", hint=hint, id="playhead.E036")]
    except (redis.RedisError, OSError) as error:
        return [_explain_silence(error)]
    return [*_check_version(info), *_check_memory(info), *_check_rights(rights), *_check_way()]


@register(TAG, deploy=True)
def check_rules(**kwargs: Any) -> list[CheckMessage]:
    """In production nobody watches without a rule, so a console that is on and has none is a mistake."""
    if not (settings.DEBUG_CONSOLE_ENABLED and settings.IS_PRODUCTION):
        return []
    try:
        if DebugPolicy.objects.exists():
            return []
    except (DatabaseError, psycopg.Error, PoolTimeout):
        return [Warning("Rules of the debug console cannot be read: Postgres does not answer.", id="playhead.W036")]
    hint = "Set rules in Django admin (Debug policies), or DEBUG_CONSOLE_ENABLED=false."
    return [
        Warning("The debug console is on in production, and no rule says who may watch.", hint=hint, id="playhead.W035")
    ]


def _connect() -> redis.Redis:
    return redis.Redis.from_url(
        settings.DEBUG_REDIS_URL,
        protocol=2,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _check_version(info: dict[str, Any]) -> Iterator[CheckMessage]:
    version = str(info.get("valkey_version") or info.get("redis_version", "0"))
    # Valkey began where Redis 7.2 ended.
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
        message = f"The server of the streams is version {version}: lines that were lost cannot be counted."
        yield Error(message, hint="Use Valkey, or Redis 7.0 or newer.", id="playhead.E032")


def _check_memory(info: dict[str, Any]) -> Iterator[CheckMessage]:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return
    hint = "Give the streams a server of their own (DEBUG_REDIS_URL), with maxmemory-policy noeviction."
    if _is_shared():
        message = (
            f"Debug streams share a server that evicts ({policy}): whoever prints much drives out tasks and hints."
        )
        yield Error(message, hint=hint, id="playhead.E033")
    else:
        message = f"The server of the streams evicts ({policy}): streams vanish whole, and what was lost is not known."
        yield Warning(message, hint=hint, id="playhead.W033")


def _is_shared() -> bool:
    ours, streams = urlsplit(settings.REDIS_URL), urlsplit(settings.DEBUG_REDIS_URL)
    return _find_place(ours) == _find_place(streams)


def _find_place(url: SplitResult) -> tuple[str, int | None, str]:
    is_socket = url.scheme == "unix"
    host = "localhost" if url.hostname in _HERE else url.hostname or ""
    return (url.path, None, "") if is_socket else (host, url.port or 6379, "")


def _list_excess(client: Any) -> list[str]:
    """Try what the console never does, on a key that is not there, so that nothing happens where it is allowed."""
    tries = {
        "XADD to keys of others": ("XADD", _NOBODYS_KEY, "NOMKSTREAM", "*", "a", "b"),
        "DEL": ("DEL", settings.DEBUG_STREAM_PREFIX + _NOBODYS_KEY),
        "GET": ("GET", _NOBODYS_KEY),
    }
    allowed = []
    for name, command in tries.items():
        with suppress(NoPermissionError):
            client.execute_command(*command)
            allowed.append(name)
    return allowed


def _check_rights(allowed: list[str]) -> Iterator[CheckMessage]:
    if not allowed:
        return
    message = f"The user of DEBUG_REDIS_URL may do more than the console needs: {', '.join(allowed)}."
    hint = "Start the server with --aclfile docs/debug-streams.acl, and name its user `playhead` in DEBUG_REDIS_URL."
    kind = Error if settings.IS_PRODUCTION else Warning
    yield kind(message, hint=hint, id="playhead.E034" if settings.IS_PRODUCTION else "playhead.W038")


def _check_way() -> Iterator[CheckMessage]:
    url = urlsplit(settings.DEBUG_REDIS_URL)
    if settings.IS_PRODUCTION and url.scheme == "redis" and (url.hostname or "") not in _HERE and url.password:
        message = "The password and all lines go to the server of the streams in clear."
        yield Warning(message, hint="Use rediss://, or a network that nobody else is in.", id="playhead.W037")


def _explain_silence(error: Exception) -> CheckMessage:
    """Return what is wrong with a server that does not answer: often it speaks TLS and we do not, or the reverse."""
    url = urlsplit(settings.DEBUG_REDIS_URL)
    if url.scheme == "redis" and _speaks(url, is_tls=True):
        return Error(
            "The server of the streams speaks TLS, and DEBUG_REDIS_URL does not.", hint=_TLS_HINT, id="playhead.E035"
        )
    if url.scheme == "rediss" and _speaks(url, is_tls=False):
        return Error(
            "The server of the streams speaks no TLS, and DEBUG_REDIS_URL does.", hint=_TLS_HINT, id="playhead.E035"
        )
    hint = "Start it, or correct DEBUG_REDIS_URL. Until then viewers see what is posted to one process at most."
    return Warning(f"The server of the streams does not answer: {error}"[:300], hint=hint, id="playhead.W031")


def _speaks(url: SplitResult, *, is_tls: bool) -> bool:
    address = (url.hostname or "localhost", url.port or 6379)
    try:
        with socket.create_connection(address, timeout=TIMEOUT_SECONDS) as wire:
            if is_tls:
                # Whose certificate it is does not matter for the question.
                context = ssl._create_unverified_context()  # noqa: S323
                with context.wrap_socket(wire, server_hostname=url.hostname):
                    return True
            wire.sendall(b"*1\r\n$4\r\nPING\r\n")
            return wire.recv(1) in (b"+", b"-")
    except (OSError, ValueError):
        return False
