"""The OpenTelemetry protocol (OTLP/HTTP) as a pure wire format: bytes to records, and the answers back to bytes.

protobuf, json_body   a request's bytes to raw spans and log records, each checked alone
framing               where the items of a protobuf request are, and whether they are too many
dialects/             what a span's attributes mean, by the library that wrote them
spans, logs           raw items to records
moved                 values stored once although they are input and attribute
usage                 token counts sorted into classes
chat, messages        the messages of a model call, read when a page shows them
responses             success, partial success and failure, in the request's encoding
"""

from observability.ingest.otlp.decode import decode_logs, decode_traces
from observability.ingest.otlp.responses import encode_error, encode_response, read_media_type
from observability.ingest.otlp.wire import MalformedBodyError, OversizedBodyError, Signal

__all__ = [
    "MalformedBodyError",
    "OversizedBodyError",
    "Signal",
    "decode_logs",
    "decode_traces",
    "encode_error",
    "encode_response",
    "read_media_type",
]
