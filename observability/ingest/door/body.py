"""Reading a request body under bounds that hold while it streams.

Whatever a client sends, a request costs at most `Limits.body_bytes` of memory, and all requests of the process
together at most the `Budget`: every piece is counted before it is kept. A compressed body is inflated piece by piece
with a bound on each step's output, so a bomb is noticed at the limit and nothing past it is ever inflated.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Self

import msgspec
from asgiref.typing import ASGIReceiveCallable

from observability.ingest.door.exchange import RefusalError

SLICE_BYTES = 2**20
"""Most that is inflated in one go: about three milliseconds in which the event loop serves nobody else."""
GZIP_MEMBERS_LIMIT = 64
"""A gzip body may be several joined files; each costs work however little it holds."""
_GZIP, _ZLIB, _RAW_DEFLATE = 31, 15, -15
_ENCODINGS = {"": None, "identity": None, "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}


class TooLargeError(RefusalError):
    """A bound on the body's size was passed; the rest of it was not read."""

    status = 413
    code = "too_large"


class UnknownEncodingError(RefusalError):
    """The body is compressed in a way that is not understood."""

    status = 415
    code = "unsupported_encoding"
    headers = ((b"accept-encoding", b"gzip, deflate"),)


class CorruptError(RefusalError):
    """The body is not what its Content-Encoding says."""

    status = 400
    code = "malformed"


class TooSlowError(RefusalError):
    """The client stopped sending, or sends too slowly."""

    status = 408
    code = "too_slow"


class OverloadedError(RefusalError):
    """The process holds as many bytes as it may."""

    status = 503
    code = "overloaded"
    headers = ((b"retry-after", b"1"),)


class ClientGoneError(Exception):
    """The client closed the connection before its body was complete. Nobody is there to be answered."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one request."""

    wire_bytes: int
    """Most bytes of a compressed body, as sent."""
    body_bytes: int
    """Most bytes of a body, inflated."""
    idle_seconds: float = 30.0
    """Longest wait for the next piece."""
    total_seconds: float = 300.0
    """Longest time a whole body may take."""


class Budget:
    """Bytes that all requests of this process may hold together. One event loop's; no locks."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def hold(self) -> Hold:
        """Return an account for one request, to be used as a context manager."""
        return Hold(self)


class Hold:
    """What one request holds of the budget, given back at its end however it ends."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held = 0

    def take(self, amount: int) -> None:
        """Count bytes about to be kept. Raises `OverloadedError` when there is no room for them."""
        if self._budget.held + amount > self._budget.limit:
            raise OverloadedError("the server holds as much unfinished data as it can; send again shortly")
        self._budget.held += amount
        self.held += amount

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._budget.held -= self.held
        self.held = 0


async def read_body(
    receive: ASGIReceiveCallable, *, encoding: str, declared_bytes: int | None, limits: Limits, hold: Hold
) -> bytes:
    """Return the whole body, inflated, with its bytes counted in `hold`.

    `declared_bytes` is the Content-Length, which can refuse a body before any of it is read. Raises one of the
    refusals above, or `ClientGoneError`.
    """
    inflater = make_inflater(encoding)
    wire_limit = limits.wire_bytes if inflater else limits.body_bytes
    if declared_bytes is not None and declared_bytes > wire_limit:
        raise TooLargeError(f"the body has {declared_bytes} bytes, at most {wire_limit} are taken")
    body = bytearray()
    received = 0
    async for chunk in _receive_chunks(receive, limits):
        received += len(chunk)
        if received > wire_limit:
            raise TooLargeError(f"the body has more than {wire_limit} bytes")
        for piece in inflater.inflate(chunk) if inflater else (chunk,):
            if len(body) + len(piece) > limits.body_bytes:
                raise TooLargeError(f"the body has more than {limits.body_bytes} bytes when inflated")
            hold.take(len(piece))
            body += piece
            if inflater:
                # Other requests get their turn between two steps of a large body.
                await asyncio.sleep(0)
    if inflater:
        inflater.finish()
    return bytes(body)


async def drain(receive: ASGIReceiveCallable, *, seconds: float) -> None:
    """Read and forget what the client still sends, for a while.

    Called between an early refusal and closing the connection: closed at once with bytes unread, many clients' systems
    discard the answer with them and report a broken connection instead.
    """
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return


async def _receive_chunks(receive: ASGIReceiveCallable, limits: Limits) -> AsyncIterator[bytes]:
    deadline = asyncio.get_running_loop().time() + limits.total_seconds
    more = True
    while more:
        try:
            async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + limits.idle_seconds, deadline)):
                message = await receive()
        except TimeoutError as error:
            raise TooSlowError("the body did not arrive in time") from error
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        if message["type"] != "http.request":
            continue
        more = message.get("more_body", False)
        if chunk := message.get("body", b""):
            yield chunk


def make_inflater(encoding: str) -> Inflater | None:
    """Return what inflates this Content-Encoding, or None for one that needs nothing.

    Raises `UnknownEncodingError`.
    """
    name = encoding.strip().lower()
    if name not in _ENCODINGS:
        raise UnknownEncodingError(f"content-encoding {name[:40]} is not understood; send gzip, deflate or none")
    kind = _ENCODINGS[name]
    return Inflater(kind) if kind else None


class Inflater:
    """Inflates gzip, or deflate with or without its zlib header (senders disagree on what the name means)."""

    def __init__(self, encoding: str) -> None:
        self._is_gzip = encoding == "gzip"
        self._stream: zlib._Decompress | None = None
        self._members = 0
        self._start = b""

    def inflate(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes inflate to, at most `SLICE_BYTES` at a time. Raises `CorruptError`."""
        data = self._start + data
        self._start = b""
        is_pending = False
        while data or is_pending:
            if self._stream is None:
                data = data.lstrip(b"\0") if self._members else data
                if len(data) < 2:
                    self._start = data
                    return
                self._stream = self._begin(data)
            piece = self._step(self._stream, data)
            yield piece
            data = self._stream.unconsumed_tail
            # A full slice may leave output behind although all input is used up.
            is_pending = len(piece) == SLICE_BYTES and not self._stream.eof
            if self._stream.eof:
                data = self._end_member(self._stream)

    def _step(self, stream: zlib._Decompress, data: bytes) -> bytes:
        try:
            return stream.decompress(data, SLICE_BYTES)
        except zlib.error as error:
            raise CorruptError(f"the body is not valid {'gzip' if self._is_gzip else 'deflate'}: {error}") from error

    def _begin(self, data: bytes) -> zlib._Decompress:
        if self._is_gzip:
            return zlib.decompressobj(_GZIP)
        has_header = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
        return zlib.decompressobj(_ZLIB if has_header else _RAW_DEFLATE)

    def _end_member(self, stream: zlib._Decompress) -> bytes:
        """Return what follows the end of a stream: nothing, padding, or another gzip member."""
        self._members += 1
        rest = stream.unused_data.lstrip(b"\0")
        if rest and (not self._is_gzip or self._members >= GZIP_MEMBERS_LIMIT):
            raise CorruptError("the body goes on after its compressed data ended")
        if self._is_gzip:
            self._stream = None
        return rest

    def finish(self) -> None:
        """Check that the data was complete. Raises `CorruptError`."""
        is_complete = self._members > 0 and (self._stream is None or self._stream.eof) and not self._start
        if not is_complete:
            raise CorruptError("the body ends before its compressed data does")
