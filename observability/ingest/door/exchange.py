"""One request and its answer, as the doors see them."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from asgiref.typing import HTTPScope

from observability.ingest.credentials import read_key
from observability.ingest.records import Decoded
from observability.ingest.sessions import SessionUpdate

Headers = tuple[tuple[bytes, bytes], ...]


class RefusalError(Exception):
    """A request that is not served, and why, in words for its sender."""

    status: ClassVar[int]
    code: ClassVar[str]
    headers: Headers = ()

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        if retry_after_s is not None:
            self.headers = ((b"retry-after", b"%d" % retry_after_s),)


class NotAllowedError(RefusalError):
    """The method is not POST."""

    status = 405
    code = "method_not_allowed"
    headers = ((b"allow", b"POST"),)


class UnauthenticatedError(RefusalError):
    """There is no key, or it is unknown, revoked or expired: the three look the same."""

    status = 401
    code = "unauthenticated"
    headers = ((b"www-authenticate", b"Bearer"),)


class ForbiddenError(RefusalError):
    """The key is good but may not send data."""

    status = 403
    code = "forbidden"


class UnsupportedTypeError(RefusalError):
    """The body's media type is not one the route reads."""

    status = 415
    code = "unsupported_media_type"


class MalformedError(RefusalError):
    """The body as a whole cannot be read."""

    status = 400
    code = "malformed"


class UnavailableError(RefusalError):
    """Nothing can be stored right now; the sender should try again."""

    status = 503
    code = "unavailable"


class DefectError(RefusalError):
    """This server failed in a way it did not foresee."""

    status = 500
    code = "internal"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What a body held: records for the writer, and what only the answer needs."""

    decoded: Decoded
    session: SessionUpdate | None = None
    control_count: int = 0
    """Items that are facts about the session and no records."""
    reply: dict[str, Any] = {}
    """Members that another room adds to the answer of an SDK (`observability.signals`)."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back to the client."""

    status: int
    body: bytes
    content_type: str
    headers: Headers = ()


class Request:
    """What the head of a request says. Header names are lower-case, of equal ones the last counts."""

    def __init__(self, scope: HTTPScope) -> None:
        self.method = scope["method"]
        self.path = scope["path"].rstrip("/")
        self.key = read_key(scope["headers"])
        self._headers = dict(scope["headers"])

    def header(self, name: bytes) -> str:
        """Return a header's value, or ""."""
        return self._headers.get(name, b"").decode("latin-1").strip()

    @property
    def declared_bytes(self) -> int | None:
        """The Content-Length, or None for a body whose end shows as it comes."""
        text = self.header(b"content-length")
        return int(text) if text.isdecimal() and len(text) < 19 else None

    @property
    def has_body(self) -> bool:
        """Whether anything follows the head."""
        return bool(self.declared_bytes) or b"transfer-encoding" in self._headers
