"""A real HTTP server on the loopback interface that keeps every request it gets.

Alone it stands in for Playhead and answers 202 to the SDK and 200 to OTLP. With `forward_to` it passes each request
on and answers what came back: then the test knows exactly what a client sent, without asking the client.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPAN_PATHS = ("/v1/traces", "/api/public/otel/v1/traces")
SDK_PATH = "/api/observability/events"
DEBUG_PATH = "/api/debug/ingest"
ID_FIELDS = {"traceId", "spanId", "parentSpanId"}
# Said by one side to the other about this connection alone.
HOP_HEADERS = {"connection", "content-length", "transfer-encoding", "date", "server"}
UNPACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}


@dataclass(frozen=True)
class Received:
    """One request and the status it was answered with. Header names are lower-case; the body is unpacked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int


@dataclass
class Receiver:
    """What a server received so far."""

    url: str
    requests: list[Received] = field(default_factory=list)

    def list_accepted(self, path: str) -> list[Received]:
        """Return the requests to a path that were answered with success."""
        return [r for r in self.requests if r.method == "POST" and r.path == path and r.status < 300]

    def list_batches(self) -> list[dict[str, Any]]:
        """Return the SDK's accepted batches."""
        return [json.loads(request.body) for request in self.list_accepted(SDK_PATH)]

    def list_events(self) -> list[dict[str, Any]]:
        """Return the SDK's accepted events, each with its session, without heartbeats and session ends."""
        return [
            {**event, "sessionId": batch["sessionId"]}
            for batch in self.list_batches()
            for event in batch["events"]
            if event["id"] != 0
        ]

    def list_spans(self) -> list[Span]:
        """Return the accepted spans, of protobuf and JSON exports, without the announcements of spans that began."""
        exports = [_read_export(request) for path in SPAN_PATHS for request in self.list_accepted(path)]
        scopes = [scope for export in exports for group in export.resource_spans for scope in group.scope_spans]
        return [span for scope in scopes for span in scope.spans if not _is_announcement(span)]

    def list_log_records(self) -> list[LogRecord]:
        """Return the accepted log records of protobuf exports."""
        exports = [ExportLogsServiceRequest.FromString(r.body) for r in self.list_accepted("/v1/logs")]
        scopes = [scope for export in exports for group in export.resource_logs for scope in group.scope_logs]
        return [record for scope in scopes for record in scope.log_records]


def _is_announcement(span: Span) -> bool:
    return any(
        pair.key == "logfire.span_type" and pair.value.string_value == "pending_span" for pair in span.attributes
    )


def _read_export(request: Received) -> ExportTraceServiceRequest:
    export = ExportTraceServiceRequest()
    if request.headers["content-type"] == "application/json":
        ParseDict(_use_base64_ids(json.loads(request.body)), export)
    else:
        export.ParseFromString(request.body)
    return export


def _use_base64_ids(value: Any) -> Any:
    """Return an OTLP JSON document with ids as protobuf's own JSON has them."""
    if isinstance(value, list):
        return [_use_base64_ids(item) for item in value]
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in ID_FIELDS else _use_base64_ids(item)
            for key, item in value.items()
        }
    return value


def read_attributes(span: Span | LogRecord) -> dict[str, Any]:
    """Return a span's attributes as plain values; arrays of strings as lists."""
    return {item.key: _read_value(item.value) for item in span.attributes}


def _read_value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_read_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


@contextmanager
def run_receiver(*, port: int = 0, forward_to: str | None = None) -> Iterator[Receiver]:
    """Serve until the block ends."""
    receiver = Receiver(url="")
    handler = type("Handler", (_Handler,), {"receiver": receiver, "forward_to": forward_to})
    with _Server(("127.0.0.1", port), handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up before they are answered, as a refused socket does."""


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    forward_to: str | None
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status, headers, answer = self._forward(body) if self.forward_to else self._answer_alone()
        names = {name.lower(): value for name, value in self.headers.items()}
        unpacked = UNPACK[names.get("content-encoding", "")](body)
        self.receiver.requests.append(Received(self.command, self.path, names, unpacked, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        # A kept connection would outlive the block: its thread serves on after the server is shut down.
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(answer)

    def _answer_alone(self) -> tuple[int, dict[str, str], bytes]:
        if self.command == "GET":
            return 404, {}, b""
        if self.path == SDK_PATH:
            return 202, {"content-type": "application/json"}, b'{"success": true}'
        if self.path == DEBUG_PATH:
            return 202, {"content-type": "application/json"}, b'{"accepted": 1, "rejected": []}'
        return 200, {"content-type": self.headers.get("content-type", "")}, b""

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        target = urlsplit(self.forward_to or "")
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {*HOP_HEADERS, "host"}}
        try:
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_HEADERS}
            return answer.status, kept, answer.read()
        finally:
            connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; pytest has the requests."""
