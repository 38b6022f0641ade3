"""Plain HTTP and database spans, after the OpenTelemetry HTTP and database semantic conventions.

Reads the stable names and the ones before them (`http.method`, `db.statement`), which many instrumentations still
send. Input of an HTTP span is `{"method", "url"}` and its output `{"status"}`; input of a database span is the query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.dialects.finding import Dialect, Finding, first_key, first_value
from observability.ingest.records import Kind

if TYPE_CHECKING:
    from observability.ingest.otlp.chat import Message
    from observability.ingest.otlp.wire import Attributes, RawSpan

METHOD_KEYS = ("http.request.method", "http.method")
URL_KEYS = ("url.full", "http.url")
STATUS_KEYS = ("http.response.status_code", "http.status_code")
DB_KEYS = ("db.system.name", "db.system", "db.query.text", "db.statement")
QUERY_KEYS = ("db.query.text", "db.statement")
ROWS_KEY = "db.response.returned_rows"
PATH_KEYS = ("url.path", "http.target", "http.route")
HOST_KEYS = ("server.address", "http.host", "net.host.name")
SCHEME_KEYS = ("url.scheme", "http.scheme")
PART_KEYS = (*PATH_KEYS, *HOST_KEYS, *SCHEME_KEYS, "url.query")
MARKERS = frozenset({*METHOD_KEYS, *DB_KEYS, "http.url"})


def read(span: RawSpan) -> Finding:
    """Read an HTTP or database span; anything else is a plain span."""
    attributes = span.attributes
    method = first_value(attributes, METHOD_KEYS)
    if method is not None or "http.url" in attributes:
        return _read_http(attributes, method)
    if first_key(attributes, DB_KEYS):
        return _read_db(attributes)
    return Finding()


def _read_http(attributes: Attributes, method: object) -> Finding:
    status = first_value(attributes, STATUS_KEYS)
    return Finding(
        kind=Kind.HTTP,
        input={"method": method, "url": first_value(attributes, URL_KEYS) or _join_url(attributes)},
        output=None if status is None else {"status": status},
        error_message=None if status is None else f"HTTP {status}",
    )


def _join_url(attributes: Attributes) -> str | None:
    """Put a server span's URL together from its parts."""
    path = first_value(attributes, PATH_KEYS)
    if path is None:
        return None
    query = attributes.get("url.query")
    host = first_value(attributes, HOST_KEYS)
    scheme = first_value(attributes, SCHEME_KEYS) or "http"
    origin = f"{scheme}://{host}" if host else ""
    return f"{origin}{path}?{query}" if query else f"{origin}{path}"


def _read_db(attributes: Attributes) -> Finding:
    rows = attributes.get(ROWS_KEY)
    return Finding(
        kind=Kind.DB,
        input_key=first_key(attributes, QUERY_KEYS),
        is_input_text=True,
        output=None if rows is None else {"rows": rows},
    )


def read_messages(_attributes: Attributes, _given: object, _produced: object) -> list[Message]:
    """Return nothing: no model is spoken to."""
    return []


DIALECT = Dialect(
    name="http_db",
    read=read,
    read_messages=read_messages,
    keys=frozenset({*METHOD_KEYS, *URL_KEYS, *STATUS_KEYS, *DB_KEYS, *PART_KEYS, ROWS_KEY, "error.type"}),
    input_prefixes=QUERY_KEYS,
)
