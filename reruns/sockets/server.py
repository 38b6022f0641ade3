"""The SDKs' sockets: Socket.IO at `/socket.io/` (contract B2, B6.1, B6.13 to B6.15).

An SDK connects with `auth {sessionId, apiKey}` (or its key in a header), says `register {sessionId, tools?,
workflows?, branch?, sdkVersion?}` and hears `auth:ok {projectId}`, then `trigger`, `portal:task` and `workflow:rerun`,
which it answers by `portal:result` and `workflow:rerun:result`, or over HTTP. It says `ping` every half minute. A
signed-in person connects with the session cookie and `auth {projectId}`, and hears that results came.

Everything is acknowledged by `{ok, ...}` or `{ok: false, error: {code, detail}}`. A connection is refused by a connect
error whose message is its code: `invalid_api_key`, `missing_scope`, `invalid_session_id`,
`session_of_another_project`, `not_found` (a person's project), `too_many_connections`, `rate_limited` (with
`retryAfter` seconds), `unavailable` (come back later). A key may connect `RERUN_CONNECTS_PER_MINUTE` times and register
`RERUN_REGISTERS_PER_MINUTE` times, and a socket ping `_PINGS_PER_MINUTE` times; what is more is declined as
`rate_limited`, and the connection stays.

One `Sockets` per process. Rooms are joined by what the server knows, never by what a client names. A message over
`RERUN_SOCKET_BYTES` is refused in its acknowledgement; one over `_MOST_BYTES` never arrives: the connection is closed,
as the protocol has no other way.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import socketio
import structlog
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as StoreError
from socketio.exceptions import ConnectionRefusedError as RefusedError

from observability.errors import ObservabilityError
from observability.services.keys import KeyIdentity, authenticate_key
from reruns.models import Delivery, SdkConnection
from reruns.outbound import CHANNEL, viewers_room
from reruns.services.connections import (
    Socket,
    close_connections,
    close_process,
    keep_alive,
    mark_registered,
    open_connection,
)
from reruns.services.delivery import begin_delivery, list_deliverable, take_back
from reruns.services.results import note_refusal, read_task_id, record_answer
from reruns.sockets.credentials import find_viewer, is_allowed_origin, read_socket_key
from reruns.sockets.limits import RateLimit
from reruns.sockets.mailbox import Mailbox
from reruns.wire.register import Registration, read_registration, read_session_id
from reruns.wire.results import read_answer, read_number

log = structlog.get_logger(__name__)

PATH = "/socket.io"
_MOST_BYTES = 16 * 2**20
_ALIVE_SECONDS = 15.0
_PING_INTERVAL, _PING_TIMEOUT = 25, 60
_PINGS_PER_MINUTE = 60
MOST_SOCKETS = 1_000
"""Of one key and process: more SDK processes than that take several keys, or several web processes."""
_SCOPES = frozenset(("ingest", "rerun"))

Ack = dict[str, Any]


def is_socket_path(path: str) -> bool:
    """Tell whether a path is the sockets'."""
    return path == PATH or path.startswith(f"{PATH}/")


class Sockets:
    """The sockets of one process and event loop. `process` is the name of its mailbox."""

    def __init__(self) -> None:
        self.process = uuid.uuid4().hex
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            client_manager=socketio.AsyncRedisManager(settings.SOCKETS_URL, channel=CHANNEL),
            cors_allowed_origins=is_allowed_origin,
            max_http_buffer_size=_MOST_BYTES,
            ping_interval=_PING_INTERVAL,
            ping_timeout=_PING_TIMEOUT,
        )
        self.application = socketio.ASGIApp(self.server, socketio_path=PATH)
        self.sids: dict[str, str] = {}
        self._mailbox = Mailbox(self.process, self._hear)
        self._tasks: list[asyncio.Task[None]] = []
        self._connects = RateLimit(settings.RERUN_CONNECTS_PER_MINUTE)
        self._registers = RateLimit(settings.RERUN_REGISTERS_PER_MINUTE)
        self._pings = RateLimit(_PINGS_PER_MINUTE)
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnect)
        self.server.on("register", self._acknowledged(self._register))
        self.server.on("ping", self._acknowledged(self._ping))
        self.server.on("portal:result", self._acknowledged(self._take_portal_result))
        self.server.on("workflow:rerun:result", self._acknowledged(self._take_workflow_result))

    async def close(self) -> None:
        """Give up all sockets, so that others know at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(StoreError):
            await database_sync_to_async(close_process)(self.process, because="The server stopped.")

    async def deliver(self, *, sid: str, trigger_id: int, channel: str) -> bool:
        """Hand a trigger to a socket of this process; say whether it went out."""
        if sid not in self.sids:
            return False
        message = await database_sync_to_async(begin_delivery)(trigger_id=trigger_id, sid=sid, channel=channel)
        if message is None:
            return False
        if sid not in self.sids:
            await database_sync_to_async(take_back)(trigger_id, sid=sid)
            return False
        await self.server.emit(message.event, message.payload, to=sid, ignore_queue=True)
        log.info("trigger.sent", trigger_id=trigger_id, event_name=message.event, channel=channel)
        return True

    # -- coming and going ----------------------------------------------------------------------------------------------

    async def _connect(self, sid: str, environ: dict[str, Any], auth: object) -> None:
        given: dict[str, Any] = auth if isinstance(auth, dict) else {}
        try:
            text = read_socket_key(environ, given)
            if text is None:
                await self._connect_viewer(sid, environ, given)
            else:
                await self._connect_sdk(sid, environ, given, text)
        except ObservabilityError as error:
            raise RefusedError(error.code, {"code": error.code, "detail": str(error)}) from error
        except StoreError as error:
            log.warning("sockets.unavailable", error=repr(error))
            raise _refuse("unavailable", "The store cannot be reached; come back later.") from error

    async def _connect_sdk(self, sid: str, environ: dict[str, Any], auth: dict[str, Any], text: str) -> None:
        identity = await authenticate_key(text)
        if identity is None:
            raise _refuse("invalid_api_key", "The API key is missing, unknown, expired or revoked.")
        if wait_seconds := self._connects.take(identity.public_id):
            log.warning("sockets.rate_limited", key=identity.public_id)
            detail = f"SDKs with this key connect too often; come back in {wait_seconds} s."
            raise _refuse("rate_limited", detail, retryAfter=wait_seconds)
        if list(self.sids.values()).count(identity.public_id) >= MOST_SOCKETS:
            raise _refuse("too_many_connections", f"SDKs with this key have {MOST_SOCKETS} connections already.")
        if not identity.scopes & _SCOPES:
            raise _refuse("missing_scope", "The API key has neither the scope `rerun` nor `ingest`.")
        session_id = read_session_id(auth.get("sessionId"))
        if session_id is None and auth.get("sessionId") is not None:
            raise _refuse("invalid_session_id", "sessionId: a text of at most 200 characters is expected.")
        await self._start()
        socket = Socket(sid=sid, process=self.process, identity=identity, address=environ.get("REMOTE_ADDR"))
        await self.server.save_session(sid, {"key": text, "socket": socket, "session_id": session_id})
        self.sids[sid] = identity.public_id
        if session_id is not None:
            try:
                await self._join(socket, Registration(session_id=session_id))
            except (ObservabilityError, StoreError):
                self.sids.pop(sid, None)
                raise

    async def _connect_viewer(self, sid: str, environ: dict[str, Any], auth: dict[str, Any]) -> None:
        project_id = await database_sync_to_async(find_viewer)(environ.get("HTTP_COOKIE", ""), auth.get("projectId"))
        if project_id is None:
            raise _refuse("invalid_api_key", "Give an API key as auth.apiKey, or sign in.")
        await self.server.enter_room(sid, viewers_room(project_id))

    async def _join(self, socket: Socket, registration: Registration) -> SdkConnection:
        """Store the socket, and join the rooms of its project and session."""
        connection = await database_sync_to_async(open_connection)(socket, registration)
        await self.server.enter_room(socket.sid, f"observability:project:{connection.project_id}")
        await self.server.enter_room(socket.sid, f"observability:session:{connection.session_id}")
        return connection

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        if self.sids.pop(sid, None) is None:
            return
        try:
            await database_sync_to_async(close_connections)(sids=[sid], because=reason)
        except StoreError as error:
            # The sweep closes it: this process does not say any more that it holds it.
            log.warning("sockets.unavailable", error=repr(error))

    # -- what SDKs say -------------------------------------------------------------------------------------------------

    def _acknowledged(self, handle: Callable[[str, dict[str, Any], Any], Awaitable[Ack]]) -> Callable[..., Any]:
        """Return the handler of an SDK's message: refusals and outages become the acknowledgement."""

        async def acknowledge(sid: str, data: Any = None, *rest: Any) -> Ack:
            session = await self.server.get_session(sid)
            if "socket" not in session:
                return _decline("denied", "This is for SDKs.")
            try:
                return await handle(sid, session, data)
            except ObservabilityError as error:
                return _decline(error.code, str(error))
            except StoreError as error:
                log.warning("sockets.unavailable", error=repr(error))
                return _decline("unavailable", "The store cannot be reached; say it again later.")
            except Exception:
                # The last place that can answer: without one, the SDK waits for nothing.
                log.exception("sockets.failed", handler=handle.__name__)
                return _decline("internal", "The server failed; it is in its log.")

        return acknowledge

    async def _register(self, sid: str, session: dict[str, Any], data: Any) -> Ack:
        if wait_seconds := self._registers.take(session["socket"].identity.public_id):
            return _decline("rate_limited", f"SDKs with this key register too often; again in {wait_seconds} s.")
        if _measure(data) > settings.RERUN_SOCKET_BYTES:
            return _decline("too_large", f"At most {settings.RERUN_SOCKET_BYTES} bytes are taken over the socket.")
        registration = read_registration(data)
        known = session["session_id"]
        if known and registration.session_id not in (None, known):
            return _decline("invalid_session_id", "sessionId: not the one this socket connected with.")
        registration = msgspec.structs.replace(registration, session_id=known or registration.session_id)
        if registration.session_id is None:
            return _decline("invalid_session_id", "sessionId: a text of at most 200 characters is expected.")
        connection = await self._join(session["socket"], registration)
        session["session_id"] = registration.session_id
        await self.server.save_session(sid, session)
        await database_sync_to_async(mark_registered)(connection)
        await self.server.emit("auth:ok", {"projectId": connection.project_id}, to=sid, ignore_queue=True)
        await self._deliver_all(connection, is_registering=True)
        return {"ok": True, "projectId": connection.project_id, "mayRerun": connection.may_rerun}

    async def _ping(self, sid: str, session: dict[str, Any], data: Any) -> Ack:
        """Look whether the key still holds, and hand over what waits."""
        if wait_seconds := self._pings.take(sid):
            return _decline("rate_limited", f"Twice a minute is enough; again in {wait_seconds} s.")
        identity: KeyIdentity | None = await authenticate_key(session["key"])
        if identity is None:
            await self.server.disconnect(sid)
            return _decline("invalid_api_key", "The API key is expired or revoked.")
        connection = await SdkConnection.objects.filter(sid=sid).afirst()
        if connection is not None and connection.registered_at is not None:
            await self._deliver_all(connection, is_registering=False)
        return {"ok": True}

    async def _take_portal_result(self, sid: str, session: dict[str, Any], data: Any) -> Ack:
        given = data if isinstance(data, dict) else {}
        return await self._take_result(session, given, read_task_id(given.get("taskId")))

    async def _take_workflow_result(self, sid: str, session: dict[str, Any], data: Any) -> Ack:
        given = data if isinstance(data, dict) else {}
        trigger_id = read_number(given.get("triggerId"))
        if trigger_id is None:
            return _decline("invalid", "triggerId: a number is expected.")
        return await self._take_result(session, given, trigger_id)

    async def _take_result(self, session: dict[str, Any], data: dict[str, Any], trigger_id: int) -> Ack:
        socket: Socket = session["socket"]
        project_id, session_id = socket.identity.project_id, session["session_id"] or ""
        if "rerun" not in socket.identity.scopes:
            return _decline("missing_scope", "The API key lacks the scope `rerun`.")
        body = _encode(data)
        if len(body) > settings.RERUN_SOCKET_BYTES:
            detail = (
                f"The SDK answered with {len(body)} bytes over its socket, and at most {settings.RERUN_SOCKET_BYTES} "
                "are taken there; larger results are posted."
            )
            await database_sync_to_async(note_refusal)(
                trigger_id=trigger_id, project_id=project_id, session_id=session_id, detail=detail
            )
            return _decline("too_large", detail)
        recorded = await database_sync_to_async(record_answer)(
            project_id=project_id, trigger_id=trigger_id, answer=read_answer(body), session_id=session_id
        )
        return {"ok": True, "status": recorded.trigger.state, "accepted": recorded.accepted}

    # -- handing over --------------------------------------------------------------------------------------------------

    async def _deliver_all(self, connection: SdkConnection, *, is_registering: bool) -> None:
        if not connection.may_rerun:
            return
        channel = Delivery.Channel.REGISTER if is_registering else Delivery.Channel.PING
        waiting = await database_sync_to_async(list_deliverable)(connection, is_registering=is_registering)
        for trigger_id in waiting:
            await self.deliver(sid=connection.sid, trigger_id=trigger_id, channel=channel)

    async def _hear(self, sid: str, trigger_id: int) -> bool:
        """Do what another process asks by the mailbox."""
        try:
            return await self.deliver(sid=sid, trigger_id=trigger_id, channel=Delivery.Channel.SOCKET)
        except (ObservabilityError, StoreError) as error:
            log.warning("sockets.delivery_failed", trigger_id=trigger_id, error=repr(error))
            return False

    # -- being alive ---------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        """Open the mailbox and begin to say that this process is alive, with its first socket."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._mailbox.run()), asyncio.create_task(self._keep_alive())]
        await self._mailbox.wait_open()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_ALIVE_SECONDS)
            try:
                await database_sync_to_async(keep_alive)(self.process, list(self.sids))
            except StoreError as error:
                log.warning("sockets.unavailable", error=repr(error))


def _measure(data: Any) -> int:
    return len(_encode(data))


def _encode(data: Any) -> bytes:
    """Return a message as JSON text; binary parts, which no SDK sends, count as what they are not: text.

    Half characters, which some clients send, stay escaped: who reads it mends them.
    """
    try:
        return msgspec.json.encode(data, enc_hook=repr)
    except UnicodeEncodeError:
        return json.dumps(data, default=repr).encode()


def _refuse(code: str, detail: str, **more: Any) -> RefusedError:
    return RefusedError(code, {"code": code, "detail": detail, **more})


def _decline(code: str, detail: str) -> Ack:
    return {"ok": False, "error": {"code": code, "detail": detail}}


_sockets: WeakKeyDictionary[asyncio.AbstractEventLoop, Sockets] = WeakKeyDictionary()


def get_sockets() -> Sockets:
    """Return this event loop's sockets, made at first use."""
    loop = asyncio.get_running_loop()
    found = _sockets.get(loop)
    if found is None:
        found = _sockets[loop] = Sockets()
    return found


async def socket_application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Serve a connection whose path `is_socket_path`."""
    await get_sockets().application(scope, receive, send)


async def close_sockets() -> None:
    """Give up this event loop's sockets, if it has any."""
    found = _sockets.pop(asyncio.get_running_loop(), None)
    if found is not None:
        await found.close()
