"""The bare handler of `bench ceiling`: what any server of these events must do at least, and nothing else.

    python -m bench._bare --fd 3      with BARE_DATABASE_URL and BARE_ROW_BYTES

It is served as the product is, by `config.serve`. A body is parsed, every attribute read into Python, a row a span
written by binary COPY into one table with the product's key, and 200 answered once Postgres has committed. Values are
so many bytes of the body. Nobody is authenticated, nothing is redacted, compressed, summed up, indexed or told.
"""

from __future__ import annotations

import asyncio
import gc
import os
import struct
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import psycopg
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

CREATE_TABLE = """
CREATE TABLE bare (
    project_id bigint NOT NULL,
    started_at timestamptz NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    value bytea STORAGE EXTERNAL NOT NULL,
    PRIMARY KEY (project_id, trace_id, started_at, span_id)
)
"""
_COPY = "COPY bare (project_id, started_at, trace_id, span_id, value) FROM STDIN (FORMAT BINARY)"
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_ROW = struct.Struct("!hiqiqi32si16si")
_END = b"\xff\xff"
_PG_EPOCH_US = 946_684_800_000_000
# As many as the product has.
_COMMITTERS = 2

_row_bytes = int(os.environ.get("BARE_ROW_BYTES", "1000"))
_committers = ThreadPoolExecutor(_COMMITTERS)
_held = threading.local()


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Store one request, or live and die with the server."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    body = await _read_body(receive)
    if body:
        rows = make_rows(body)
        await asyncio.get_running_loop().run_in_executor(_committers, _store, rows)
    headers = [(b"content-type", b"application/x-protobuf"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _live(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            # Nothing here is ever in a cycle.
            gc.freeze()
            gc.disable()
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _read_body(receive: ASGIReceiveCallable) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


def make_rows(body: bytes) -> bytes:
    """Return the body's spans as binary COPY takes them, having read all of their attributes."""
    request = ExportTraceServiceRequest.FromString(body)
    rows = [_HEADER]
    place = 0
    for of_resource in request.resource_spans:
        _read_attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                _read_attributes(span.attributes)
                for event in span.events:
                    _read_attributes(event.attributes)
                value = body[place : place + _row_bytes]
                place = (place + _row_bytes) % max(1, len(body) - _row_bytes)
                rows.append(_make_key(span, len(value)))
                rows.append(value)
    rows.append(_END)
    return b"".join(rows)


def _make_key(span: Any, value_bytes: int) -> bytes:
    started_at = span.start_time_unix_nano // 1000 - _PG_EPOCH_US
    trace_id, span_id = span.trace_id.hex().encode(), span.span_id.hex().encode()
    return _ROW.pack(5, 8, 1, 8, started_at, 32, trace_id, 16, span_id, value_bytes)


def _read_attributes(attributes: Any) -> dict[str, Any]:
    return {attribute.key: _read_value(attribute.value) for attribute in attributes}


def _read_value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_read_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _read_attributes(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


def _store(rows: bytes) -> None:
    with _connect().cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write(rows)


def _connect() -> psycopg.Connection:
    """Return this thread's connection. Outside a block a COPY is a transaction of its own."""
    if not hasattr(_held, "connection"):
        _held.connection = psycopg.connect(os.environ["BARE_DATABASE_URL"], autocommit=True)
    connection: psycopg.Connection = _held.connection
    return connection


def main() -> None:
    """Serve in the product's place, with its settings of the server."""
    stand_in: Any = ModuleType("config.asgi")
    stand_in.application = application
    sys.modules["config.asgi"] = stand_in
    from config import serve

    serve.main()


if __name__ == "__main__":
    main()
