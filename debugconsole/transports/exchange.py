"""One HTTP request of a stream and its answer: raw ASGI, with errors in the API's shape."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import psycopg
from django.conf import settings
from django.db import DatabaseError
from django.http.request import validate_host
from psycopg_pool import PoolTimeout

from debugconsole.metrics import SEND_BLOCK
from debugconsole.selectors.watchers import Watcher, find_viewer_by_headers
from observability.errors import DeniedError, InvalidError, ObservabilityError

DATABASE_ERRORS = (DatabaseError, psycopg.Error, PoolTimeout)
_MOST_BODY_BYTES = 8_192
_HEADER_CHARACTERS = 400

Headers = list[tuple[bytes, bytes]]


class StalledError(Exception):
    """The client did not read for too long."""


class GoneError(Exception):
    """The client left before it had asked."""


class NotAllowedError(ObservabilityError):
    """The address knows other methods."""

    code = "method_not_allowed"
    status = 405


class Request:
    """What a request says. Of equal parameters and headers the last counts."""

    def __init__(self, scope: Any) -> None:
        self.method: str = scope["method"]
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self.user: Any = scope.get("user")
        self._scope = scope
        self._headers: dict[bytes, bytes] = dict(scope["headers"])

    @property
    def ip(self) -> str | None:
        """Who is at the other end, as the server sees it."""
        client = self._scope.get("client")
        return client[0] if client else None

    @property
    def has_back_pressure(self) -> bool:
        """Whether `send` waits for a client that does not read. daphne's does not, and names no version of ASGI's."""
        return "spec_version" in self._scope.get("asgi", {})

    def header(self, name: bytes) -> str:
        """Return a header's value, or ""."""
        return self._headers.get(name, b"").decode("latin-1")[:_HEADER_CHARACTERS]

    def check_parameters(self, *known: str) -> None:
        """Refuse parameters that mean nothing here. Raises `InvalidError`."""
        for name in self.query:
            if name not in known:
                raise InvalidError(f"{name[:60]}: no such parameter")

    def number(self, name: str, *, default: float, least: float, most: float) -> float:
        """Return a parameter that is a number. Raises `InvalidError`."""
        text = self.query.get(name, "")
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise InvalidError(f"{name}: give a number from {least:g} to {most:g}")
        return value

    def find_watcher(self) -> Watcher:
        """Return who asks. Synchronous. Raises what `find_viewer_by_headers` does.

        A page of another site may send a person's cookie along; what it asks for is not answered.
        """
        watcher = find_viewer_by_headers(user=self.user, headers=self._scope["headers"])
        origin = self.header(b"origin")
        if origin and not watcher.is_key and not _is_own(origin):
            raise DeniedError("Pages of other sites may not watch.")
        return watcher


async def read_body(receive: Any) -> bytes:
    """Return a small body. Raises `InvalidError` for a larger one, and `GoneError`."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        body += message.get("body", b"")
        if len(body) > _MOST_BODY_BYTES:
            raise InvalidError(f"body: give at most {_MOST_BODY_BYTES} bytes")
        if not message.get("more_body"):
            return bytes(body)


async def wait_gone(receive: Any) -> None:
    """Wait until the client leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def begin_answer(send: Any, status: int, headers: Headers) -> None:
    """Send the head of an answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def send_part(send: Any, body: bytes, *, seconds: float, is_last: bool = False) -> None:
    """Send a part of an answer. Raises `StalledError` when the client does not take it in time."""
    try:
        async with asyncio.timeout(seconds):
            with SEND_BLOCK.time():
                await send({"type": "http.response.body", "body": body, "more_body": not is_last})
    except TimeoutError as error:
        raise StalledError from error


async def answer(send: Any, status: int, content: Any = None, headers: Headers | None = None) -> None:
    """Send a whole answer as JSON; without content, none."""
    body = b"" if content is None else msgspec.json.encode(content)
    head = [(b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store"), *(headers or [])]
    if content is not None:
        head.append((b"content-type", b"application/json"))
    await begin_answer(send, status, head)
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Any, error: ObservabilityError) -> None:
    """Answer with an error in the API's shape."""
    content: Mapping[str, Any] = {"code": error.code, "detail": str(error)}
    wait_s = error.retry_after_s
    headers = [] if wait_s is None else [(b"retry-after", b"%d" % wait_s)]
    if isinstance(error, NotAllowedError):
        headers.append((b"allow", b"GET"))
    await answer(send, error.status, content, headers)


def _is_own(origin: str) -> bool:
    """Say whether an origin is one of our hosts."""
    return validate_host((urlsplit(origin).hostname or "").lower(), settings.ALLOWED_HOSTS)
