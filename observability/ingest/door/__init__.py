"""The ingest doors: HTTP requests of SDKs and exporters to committed records.

exchange      one request and its answer, apart from ASGI
body          reading a body under bounds, inflating it
sdk, otlp     what differs between the two formats: decoding, and the shape of answers
application   the ASGI application: route, authenticate, read, store, answer
"""

from observability.ingest.door.application import ingest_application, is_ingest_path

__all__ = ["ingest_application", "is_ingest_path"]
