"""`GET|POST /api/ext-debug/stream`: what an older console asks for, served as it expects (contract debug-console, 2).

Answers have the older shapes: `{"error": ...}`; lines as unnamed events, or as `{events, lastId}`. What that console
never looked at is better here: `ts` is ISO 8601, events have an `id` with which a client goes on, comments keep an
idle connection open, ids are compared as numbers, and errors of input name the field.

Whose lines they are is decided by membership. `tenantId` only picks among the person's own tenants: another one, like
an extension that is not theirs, is `Forbidden`. Each GET is a session that ends with its connection; POSTs of one
person about the same thing share one until it expires. All are decided, limited and written down as others are.
"""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from channels.db import database_sync_to_async

from debugconsole.models import DebugSession, Extension
from debugconsole.readers.streams import STREAM_ERRORS
from debugconsole.selectors.extensions import list_extensions_called
from debugconsole.selectors.watchers import Watcher
from debugconsole.services.sessions import (
    Viewer,
    Wish,
    end_session,
    find_open_session,
    judge_sessions,
    open_session,
)
from debugconsole.transports import limits
from debugconsole.transports.events import Stream
from debugconsole.transports.exchange import DATABASE_ERRORS, GoneError, Request, answer, read_body
from debugconsole.transports.frames import CompatibleStyle
from debugconsole.transports.glance import glance
from debugconsole.transports.pace import check_pace
from debugconsole.viewing import begin
from debugconsole.wire.envelope import EndReason
from debugconsole.wire.keys import lower_ascii
from debugconsole.wire.lines import ZERO_ID, EntryId, parse_entry_id
from debugconsole.wire.tokens import TokenError
from observability.errors import DeniedError, InvalidError, NotFoundError, ObservabilityError

log = structlog.get_logger(__name__)

PATH = "/api/ext-debug/stream"
_TRANSPORT = DebugSession.Transport.COMPATIBLE
_TAIL = 200
_WORDS = {401: "Unauthorized", 403: "Forbidden"}


async def serve_compatible(scope: Any, receive: Any, send: Any) -> None:
    """Serve one request."""
    request = Request(scope)
    serve = {"GET": _serve_stream, "POST": _serve_glance}.get(request.method)
    if serve is None:
        await answer(send, 405, {"error": "Method not allowed"}, [(b"allow", b"GET, POST")])
    elif not request.query.get("extensionId", "").strip():
        # Before anybody is asked who they are, as it always was.
        await answer(send, 400, {"error": "extensionId is required"})
    else:
        try:
            await serve(request, receive, send)
        except GoneError:
            return
        except TokenError:
            await answer(send, 400, {"error": "Last-Event-ID: this is no id of this stream"})
        except ObservabilityError as error:
            await _refuse(send, error)
        except (*DATABASE_ERRORS, *STREAM_ERRORS) as error:
            log.warning("debug.compatible_unavailable", error=repr(error))
            await answer(send, 500, {"error": "Internal error"})


async def _serve_stream(request: Request, receive: Any, send: Any) -> None:
    session = await database_sync_to_async(_open)(request)
    # Whoever comes back has another session, and goes on all the same.
    try:
        feed = await begin(session, after=request.header(b"last-event-id"), owner=f"user {session.user_id}")
    except (TokenError, ObservabilityError):
        await database_sync_to_async(end_session)(session_id=session.pk, reason=EndReason.CLOSED)
        raise
    await Stream(feed, request, receive, send, style=CompatibleStyle(), reason=EndReason.CLOSED).hold()


async def _serve_glance(request: Request, receive: Any, send: Any) -> None:
    last_id = _read_last_id(await read_body(receive))
    session = await database_sync_to_async(_find_or_open)(request)
    await answer(send, 200, await glance(session, last_id, most=_TAIL if last_id == ZERO_ID else limits.POLL_EVENTS))


def _read_last_id(body: bytes) -> EntryId:
    """Return the id behind which to look; `0-0` for none, and for a body that says nothing."""
    try:
        given = msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        given = None
    last_id = given.get("lastId") if isinstance(given, dict) else None
    if last_id in (None, "", "0"):
        return ZERO_ID
    try:
        return parse_entry_id(last_id if isinstance(last_id, str) else "")
    except ValueError as error:
        raise InvalidError("lastId: give an id as the last answer had it, <ms>-<seq>") from error


def _find_or_open(request: Request) -> DebugSession:
    """Return the open session of such requests, if it still may be, or else another."""
    watcher, extension, wish = _read(request)
    check_pace(watcher.user)
    viewer = _describe_viewer(request, watcher)
    found = find_open_session(viewer=viewer, extension=extension, wish=wish)
    if found is not None:
        reason = judge_sessions([found.pk])[found.pk].reason
        if reason is None:
            return found
        end_session(session_id=found.pk, reason=reason)
    return open_session(viewer=viewer, extension=extension, wish=wish).session


def _open(request: Request) -> DebugSession:
    watcher, extension, wish = _read(request)
    return open_session(viewer=_describe_viewer(request, watcher), extension=extension, wish=wish).session


def _describe_viewer(request: Request, watcher: Watcher) -> Viewer:
    agent = request.header(b"user-agent")
    return Viewer(user=watcher.user, transport=_TRANSPORT, key_id=watcher.key_id, ip=request.ip, user_agent=agent)


def _read(request: Request) -> tuple[Watcher, Extension, Wish]:
    watcher = request.find_watcher()
    extension = _find_extension(watcher, request.query["extensionId"].strip(), request.query.get("tenantId", ""))
    wish = Wish(
        install_id=request.query.get("installId", "").strip(),
        request_id=request.query.get("requestId", "").strip(),
        tail=_TAIL,
    )
    return watcher, extension, wish


def _find_extension(watcher: Watcher, extension_id: str, tenant: str) -> Extension:
    tenant = lower_ascii(tenant.strip())
    for extension in list_extensions_called(watcher, extension_id):
        if tenant in ("", lower_ascii(str(extension.organization.tenant_id))):
            return extension
    raise DeniedError("No extension of yours is called so.")


async def _refuse(send: Any, error: ObservabilityError) -> None:
    status = 403 if isinstance(error, NotFoundError) else error.status
    content = {"error": _WORDS.get(status, str(error))}
    if status == 403 and not isinstance(error, (NotFoundError, DeniedError)):
        content["detail"] = str(error)
    wait_s = error.retry_after_s
    await answer(send, status, content, [] if wait_s is None else [(b"retry-after", b"%d" % wait_s)])
