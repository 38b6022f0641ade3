"""The doors of OTLP/HTTP (contract `otlp.md` section 1): traces, logs, and metrics that are not stored.

Every answer, refusals included, is in the encoding of the request.
"""

from __future__ import annotations

from observability.ingest.door.body import TooLargeError
from observability.ingest.door.exchange import (
    Answer,
    Delivery,
    MalformedError,
    RefusalError,
    Request,
    UnsupportedTypeError,
)
from observability.ingest.otlp import (
    MalformedBodyError,
    OversizedBodyError,
    Signal,
    decode_logs,
    decode_traces,
    encode_error,
    encode_response,
    read_media_type,
)
from observability.ingest.records import Decoded, WriteResult

_JSON = "application/json"
_DECODERS = {Signal.TRACES: decode_traces, Signal.LOGS: decode_logs}


class OtlpDoor:
    """Decodes the requests of one signal, and words answers as the OTLP specification does."""

    name = "otlp"

    def __init__(self, signal: Signal) -> None:
        self.signal = signal

    def check(self, request: Request) -> None:
        """Raise `UnsupportedTypeError` for a media type other than OTLP's two."""
        content_type = _get_content_type(request)
        if read_media_type(content_type) is None:
            given = f"not {content_type[:80]}" if content_type else "and must be given"
            raise UnsupportedTypeError(f"content-type is application/x-protobuf or application/json, {given}")

    def decode(self, request: Request, body: bytes) -> Delivery:
        """Return what a body holds; nothing of one with metrics. Raises `MalformedError`, `TooLargeError`."""
        if self.signal not in _DECODERS:
            return Delivery(decoded=Decoded())
        try:
            return Delivery(decoded=_DECODERS[self.signal](body, _get_content_type(request)))
        except OversizedBodyError as error:
            raise TooLargeError(str(error)) from error
        except MalformedBodyError as error:
            raise MalformedError(str(error)) from error

    def answer(self, request: Request, delivery: Delivery, result: WriteResult) -> Answer:
        """Return 200, with a partial success where items were rejected."""
        content_type = _get_content_type(request)
        body = encode_response(self.signal, result.rejected, content_type)
        return Answer(status=200, body=body, content_type=read_media_type(content_type) or _JSON)

    def refuse(self, request: Request, refusal: RefusalError) -> Answer:
        """Return the refusal as a `google.rpc.Status`."""
        content_type = _get_content_type(request)
        return Answer(
            status=refusal.status,
            body=encode_error(str(refusal), content_type, status=refusal.status),
            content_type=read_media_type(content_type) or _JSON,
            headers=refusal.headers,
        )


def _get_content_type(request: Request) -> str:
    return request.header(b"content-type")
