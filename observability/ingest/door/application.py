"""The ASGI application in front of the writer: route, authenticate, read, decode, store, answer.

The order matters: a request without a good key costs a header, one with a good key at most its share of the budget.
A large body is decoded in a thread. That makes nothing faster (the interpreter runs one thread at a time), but
the interpreter changes threads every few milliseconds, where a decode on the event loop would make every other
request wait for the whole of it. There is one such thread: a second would only hold a second body's parts in memory.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, cast

import msgspec
import psycopg
import structlog
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from django.conf import settings
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from observability.errors import NotFoundError
from observability.ingest.door.body import Budget, ClientGoneError, Limits, drain, read_body
from observability.ingest.door.exchange import (
    Answer,
    DefectError,
    Delivery,
    ForbiddenError,
    NotAllowedError,
    RefusalError,
    Request,
    UnauthenticatedError,
    UnavailableError,
)
from observability.ingest.door.otlp import OtlpDoor
from observability.ingest.door.sdk import SdkDoor
from observability.ingest.otlp import Signal
from observability.ingest.records import Rejected, WriteResult
from observability.ingest.writer import INLINE_BYTES, WriterBusyError, get_writer
from observability.services.key_refusals import find_refusal
from observability.services.keys import KeyIdentity, authenticate_key
from observability.signals import request_stored

log = structlog.get_logger(__name__)

SCOPE_NEEDED = "ingest"
LINGER_SECONDS = 2.0


class Door(Protocol):
    """What differs from one wire format to the next."""

    @property
    def name(self) -> str:
        """The format's name in counts and logs."""

    def check(self, request: Request) -> None:
        """Raise a refusal for a request whose head rules it out."""

    def decode(self, request: Request, body: bytes) -> Delivery:
        """Return what a body holds. Runs in a thread for large bodies."""

    def answer(self, request: Request, delivery: Delivery, result: WriteResult) -> Answer:
        """Word the answer to what was stored."""

    def refuse(self, request: Request, refusal: RefusalError) -> Answer:
        """Word a refusal."""


_TRACES = OtlpDoor(Signal.TRACES)
DOORS: dict[str, Door] = {
    "/api/observability/events": SdkDoor(),
    "/v1/traces": _TRACES,
    "/v1/logs": OtlpDoor(Signal.LOGS),
    "/v1/metrics": OtlpDoor(Signal.METRICS),
    "/api/public/otel/v1/traces": _TRACES,
}


def is_ingest_path(path: str) -> bool:
    """Tell whether a path, with or without a slash at its end, is one of the doors'."""
    return path.rstrip("/") in DOORS


class IngestApplication:
    """The doors of one process, with the budget their bodies share."""

    def __init__(self, *, limits: Limits, budget: Budget) -> None:
        self.limits = limits
        self.budget = budget
        self.decoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ingest-decode")

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one HTTP request whose path `is_ingest_path`."""
        exchange = _Exchange(self, cast("HTTPScope", scope), receive, send)
        await exchange.run()


class _Exchange:
    """One request while it is served."""

    def __init__(
        self, application: IngestApplication, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        self.application = application
        self.receive = receive
        self.send = send
        self.request = Request(scope)
        self.door = DOORS[self.request.path]
        self.log = log.bind(door=self.door.name, path=self.request.path)
        self.identity: KeyIdentity | None = None
        self.is_read = not self.request.has_body

    async def run(self) -> None:
        try:
            await self._send(await self._serve())
        except ClientGoneError:
            self.log.info("ingest.client_gone")
        except RefusalError as refusal:
            self.log.info("ingest.refused", status=refusal.status, reason=str(refusal))
            await self._send(self.door.refuse(self.request, refusal))
            await self._count(refusal)
        except Exception:
            # The last place that can answer: the client is told to come again, the operator what happened.
            self.log.exception("ingest.failed")
            defect = DefectError("the server failed; nothing of this request was stored")
            await self._send(self.door.refuse(self.request, defect))

    async def _serve(self) -> Answer:
        if self.request.method != "POST":
            raise NotAllowedError("send with POST")
        self.identity = await self._authenticate()
        self.door.check(self.request)
        with self.application.budget.hold() as hold:
            body = await read_body(
                self.receive,
                encoding=self.request.header(b"content-encoding"),
                declared_bytes=self.request.declared_bytes,
                limits=self.application.limits,
                hold=hold,
            )
            self.is_read = True
            delivery = await self._decode(body)
            body_bytes = len(body)
            del body
            result = await self._store(self.identity, delivery, body_bytes)
        delivery = await self._tell_others(self.identity, delivery, result)
        return self.door.answer(self.request, delivery, result)

    async def _authenticate(self) -> KeyIdentity:
        if not self.request.key:
            raise UnauthenticatedError("send an API key as api-key, x-api-key, Authorization: Bearer, or Basic")
        try:
            identity = await authenticate_key(self.request.key)
        except (DatabaseError, psycopg.Error, PoolTimeout) as error:
            raise UnavailableError("the store cannot be reached", retry_after_s=2) from error
        if identity is None:
            raise UnauthenticatedError("the API key is unknown, revoked or expired")
        if SCOPE_NEEDED not in identity.scopes:
            # Known from here on, so that the refusal is counted where its owner looks.
            self.identity = identity
            raise ForbiddenError(f"the API key lacks the scope {SCOPE_NEEDED}")
        return identity

    async def _decode(self, body: bytes) -> Delivery:
        if len(body) <= INLINE_BYTES:
            return self.door.decode(self.request, body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.application.decoder, self.door.decode, self.request, body)

    async def _store(self, identity: KeyIdentity, delivery: Delivery, body_bytes: int) -> WriteResult:
        try:
            return await get_writer().write(
                project_id=identity.project_id,
                decoded=delivery.decoded,
                door=self.door.name,
                session=delivery.session,
                public_id=identity.public_id,
                body_bytes=body_bytes,
            )
        except WriterBusyError as error:
            raise UnavailableError(str(error), retry_after_s=error.retry_after_s) from error
        except NotFoundError as error:
            raise UnauthenticatedError("the project of this API key is gone") from error

    async def _tell_others(self, identity: KeyIdentity, delivery: Delivery, result: WriteResult) -> Delivery:
        """Tell the rooms above what is stored now, and take what they add to the answer.

        It is stored whatever they do, so an error of theirs costs what they would have added.
        """
        heard = request_stored.send_robust(type(self), identity=identity, delivery=delivery, result=result)
        for _, awaited in heard:
            if awaited is None or isinstance(awaited, Exception):
                continue
            try:
                delivery = msgspec.structs.replace(delivery, reply={**delivery.reply, **await awaited})
            except Exception:
                self.log.exception("ingest.reply_failed")
        return delivery

    async def _count(self, refusal: RefusalError) -> None:
        """Keep a refused request where its project looks for missing data; one without a known key has no project."""
        if refusal.status >= 500:
            return
        try:
            if self.identity is not None:
                place = (self.identity.project_id, self.identity.public_id)
                kept = [Rejected(index=0, reason=f"request: {refusal}"[:500], code=refusal.code)]
            elif (found := await find_refusal(self.request.key or "")) is not None:
                place = (found.project_id, found.public_id)
                kept = [Rejected(index=0, reason=found.reason, code=found.code)] * found.requests
            else:
                return
            await get_writer().count_rejections(
                project_id=place[0], door=self.door.name, rejected=kept, public_id=place[1]
            )
        except (WriterBusyError, NotFoundError, DatabaseError, psycopg.Error, PoolTimeout) as error:
            self.log.warning("ingest.refusal_uncounted", reason=str(error))

    async def _send(self, answer: Answer) -> None:
        """Send the answer. A connection with unread bytes is closed, after letting some of them pass."""
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", b"%d" % len(answer.body)),
            *answer.headers,
        ]
        if not self.is_read:
            headers.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers, "trailers": False})
        await self.send({"type": "http.response.body", "body": answer.body, "more_body": not self.is_read})
        if not self.is_read:
            await drain(self.receive, seconds=LINGER_SECONDS)
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})


ingest_application = IngestApplication(
    limits=Limits(wire_bytes=settings.INGEST_MAX_COMPRESSED_BYTES, body_bytes=settings.INGEST_MAX_BODY_BYTES),
    budget=Budget(settings.INGEST_MAX_INFLIGHT_BYTES),
)
