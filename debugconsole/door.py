"""`POST /api/debug/ingest`: lines of producers that have no Redis. An ASGI application in front of Django, as the doors
of traces are, so that a body is bounded while it streams.

Answers 202 with what became of each line: published, or refused and why; `single_process` says how many were only
shown to those who look through this process, as the server of the streams is away. 400 for what is no list of lines,
401 and 403 for the key (scope `debug`), 413 past the bounds, 429 for more than a key may send, 503 with `Retry-After`
when nothing could be published: send that again. The tenant is the key's own; a line of an extension that its project
has not registered is refused.
"""

from __future__ import annotations

import time
from typing import Any, cast

import msgspec
import psycopg
import structlog
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from channels.db import database_sync_to_async
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from debugconsole.metrics import POSTED
from debugconsole.publishing import NotPublishedError, publish
from debugconsole.readers.pace import Bucket
from debugconsole.selectors.extensions import find_extension
from debugconsole.wire.emit import Emission
from debugconsole.wire.envelope import ONE_PROCESS
from debugconsole.wire.keys import lower_ascii
from debugconsole.wire.posted import Refused, UnreadableError, read_posted
from observability.ingest.door.body import Budget, ClientGoneError, Limits, drain, read_body
from observability.ingest.door.exchange import (
    DefectError,
    ForbiddenError,
    Headers,
    MalformedError,
    NotAllowedError,
    RefusalError,
    Request,
    UnauthenticatedError,
    UnavailableError,
)
from observability.models import Organization
from observability.services.keys import KeyIdentity, authenticate_key

log = structlog.get_logger(__name__)

PATH = "/api/debug/ingest"
LIMITS = Limits(wire_bytes=2**20, body_bytes=4 * 2**20, idle_seconds=10, total_seconds=30)
LINES_PER_SECOND = 2_000
"""Of one key and process, and as many at once."""
REMEMBER_SECONDS = 5.0
_REMEMBER_MOST = 10_000
_LINGER_SECONDS = 2.0
_budget = Budget(32 * 2**20)
_buckets: dict[int, Bucket] = {}
_extensions: dict[tuple[int, str], tuple[float, bool]] = {}
_tenants: dict[int, str] = {}


class TooManyError(RefusalError):
    """The key sends more than it may."""

    status = 429
    code = "rate_limited"
    headers = ((b"retry-after", b"1"),)


def is_debug_door(path: str) -> bool:
    """Tell whether a path, with or without a slash at its end, is this door's."""
    return path.rstrip("/") == PATH


async def debug_door(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Serve one request."""
    request = Request(cast("HTTPScope", scope))
    is_read = not request.has_body
    try:
        identity = await _authenticate(request)
        with _budget.hold() as hold:
            body = await read_body(
                receive,
                encoding=request.header(b"content-encoding"),
                declared_bytes=request.declared_bytes,
                limits=LIMITS,
                hold=hold,
            )
            is_read = True
            answer = await _publish(identity, body)
        await _send(send, 202, answer)
    except ClientGoneError:
        return
    except RefusalError as refusal:
        refused = {"code": refusal.code, "detail": str(refusal)}
        await _send(send, refusal.status, refused, headers=refusal.headers, is_read=is_read)
    except Exception:
        log.exception("debug.ingest_failed")
        refused = {"code": DefectError.code, "detail": "the server failed; send this again"}
        await _send(send, DefectError.status, refused, is_read=is_read)
    if not is_read:
        await drain(receive, seconds=_LINGER_SECONDS)


async def _authenticate(request: Request) -> KeyIdentity:
    if request.method != "POST":
        raise NotAllowedError("send with POST")
    # What runners and gateways that speak of themselves call the key.
    text = request.header(b"x-runner-auth") or request.key
    if not text:
        raise UnauthenticatedError("send an API key as api-key, x-runner-auth, or Authorization: Bearer")
    try:
        identity = await authenticate_key(text)
    except (DatabaseError, psycopg.Error, PoolTimeout) as error:
        raise UnavailableError("the store cannot be reached", retry_after_s=2) from error
    if identity is None:
        raise UnauthenticatedError("the API key is unknown, revoked or expired")
    if "debug" not in identity.scopes:
        raise ForbiddenError("the API key lacks the scope debug")
    return identity


async def _publish(identity: KeyIdentity, body: bytes) -> dict[str, Any]:
    try:
        tenant = await _find_tenant(identity)
        lines, refused = read_posted(body, tenant=tenant)
    except UnreadableError as error:
        raise MalformedError(str(error)) from error
    except (DatabaseError, psycopg.Error, PoolTimeout) as error:
        raise UnavailableError("the store cannot be reached", retry_after_s=2) from error
    _check_pace(identity, len(lines))
    known: list[tuple[int, Emission]] = []
    for index, line in lines:
        if await _is_registered(identity, line.extension or ""):
            known.append((index, line))
        else:
            reason = f"extension: {line.extension} is not registered in the key's project"
            refused.append(Refused(index=index, code="unknown_extension", reason=reason))
    try:
        posted = await publish([line for _, line in known])
    except NotPublishedError as error:
        raise UnavailableError(str(error), retry_after_s=2) from error
    failed = [Refused(index=known[place][0], code="not_published", reason=why) for place, why in posted.refused.items()]
    rejected = sorted([*refused, *failed], key=lambda item: item.index)
    POSTED.labels("accepted").inc(len(known) - len(failed))
    for item in rejected:
        POSTED.labels(item.code).inc()
    answer = {"accepted": len(known) - len(failed), "rejected": rejected}
    return answer | {ONE_PROCESS: posted.aside} if posted.aside else answer


def _check_pace(identity: KeyIdentity, lines: int) -> None:
    now = time.monotonic()
    if len(_buckets) >= _REMEMBER_MOST:
        _buckets.clear()
    bucket = _buckets.setdefault(identity.key_id, Bucket(LINES_PER_SECOND, now))
    if not bucket.take(lines, now):
        raise TooManyError(f"at most {LINES_PER_SECOND} lines a second are taken with one key")


async def _find_tenant(identity: KeyIdentity) -> str:
    known = _tenants.get(identity.organization_id)
    if known is None:
        found = await database_sync_to_async(Organization.objects.get)(pk=identity.organization_id)
        known = _tenants[identity.organization_id] = str(found.tenant_id)
    return known


async def _is_registered(identity: KeyIdentity, extension_id: str) -> bool:
    """Say whether the key's project has the extension; remembered for `REMEMBER_SECONDS`."""
    place = (identity.project_id, lower_ascii(extension_id))
    found = _extensions.get(place)
    if found is None or found[0] < time.monotonic():
        if len(_extensions) >= _REMEMBER_MOST:
            _extensions.clear()
        extension = await database_sync_to_async(find_extension)(
            organization_id=identity.organization_id, extension_id=extension_id
        )
        is_own = extension is not None and extension.project_id == identity.project_id
        found = _extensions[place] = time.monotonic() + REMEMBER_SECONDS, is_own
    return found[1]


def forget() -> None:
    """Forget what this process remembers."""
    _buckets.clear()
    _extensions.clear()
    _tenants.clear()


async def _send(
    send: ASGISendCallable, status: int, answer: dict[str, Any], *, headers: Headers = (), is_read: bool = True
) -> None:
    body = msgspec.json.encode(answer)
    sent = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    if not is_read:
        sent.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": sent, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
