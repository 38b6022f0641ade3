"""A program that exports one hand-made tree of spans, and log records, with the OpenTelemetry SDK.

Run with `protobuf`, `protobuf-gzip`, `protobuf-deflate`, `json`, or `basic`: protobuf to the route of SDKs that
authenticate with a public id and a secret. The tree holds every type of attribute, every
status, an exception, a link, span events, text that servers stumble over, and a child that outlives its parent.
"""

from __future__ import annotations

import base64
import os
import sys
import time

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from tests.acceptance.senders.json_exporter import JsonSpanExporter

URL = os.environ["SENDER_URL"]
HEADERS = {"x-api-key": os.environ["SENDER_KEY"]}
PUBLIC_PATH = "/api/public/otel/v1/traces"
COMPRESSIONS = {
    "protobuf": Compression.NoCompression,
    "protobuf-gzip": Compression.Gzip,
    "protobuf-deflate": Compression.Deflate,
}
RESOURCE = Resource.create({"service.name": "tree-sender", "service.version": "7", "deployment.environment": "staging"})
ATTRIBUTES: dict[str, AttributeValue] = {
    "text": "naïve 日本語 🎏 \u2028",
    "empty": "",
    "nul": "a\x00b",
    "yes": True,
    "no": False,
    "big": 2**62,
    "negative": -1,
    "ratio": 0.1,
    "texts": ("a", "", "ü"),
    "numbers": (1, 2, 3),
    "ratios": (0.5, 1e300),
    "flags": (True, False),
    "none_of_them": (),
    "long": "x" * 20_000,
    "dotted.name-with/odd chars": "ok",
}


def build_exporter(how: str) -> SpanExporter:
    if how == "basic":
        credentials = base64.b64encode(os.environ["SENDER_KEY"].replace(".", ":", 1).encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        return OTLPSpanExporter(endpoint=f"{URL}{PUBLIC_PATH}", headers=headers)
    if how == "json":
        return JsonSpanExporter(f"{URL}/v1/traces", HEADERS)
    return OTLPSpanExporter(endpoint=f"{URL}/v1/traces", headers=HEADERS, compression=COMPRESSIONS[how])


def send_tree(tracer: Tracer, *, how: str) -> None:
    """Record the tree; the short delay of the processor splits it over several exports, children first."""
    with tracer.start_as_current_span("earlier run") as earlier:
        link = Link(earlier.get_span_context(), {"why": "retry of"})
    attributes = {"workflow.name": f"tree {how}", "session.id": "s-1", "user.id": "u-1"}
    with tracer.start_as_current_span("run tree", attributes=attributes, links=[link]) as root:
        with tracer.start_as_current_span("attributes", attributes=ATTRIBUTES):
            time.sleep(0.002)
        with tracer.start_as_current_span("level 1"), tracer.start_as_current_span("level 2"):
            with tracer.start_as_current_span("level 3", kind=SpanKind.SERVER) as deep:
                deep.add_event("reached", {"depth": 3})
                deep.add_event("again")
            time.sleep(0.3)
        try:
            with tracer.start_as_current_span("failing"):
                raise ValueError("no such thing: 'ü'")
        except ValueError:
            pass
        with tracer.start_as_current_span("refused") as refused:
            refused.set_status(Status(StatusCode.ERROR, "said no"))
        with tracer.start_as_current_span("praised") as praised:
            praised.set_status(Status(StatusCode.OK))
        late = tracer.start_span("late child", context=set_span_in_context(root))
    late.end()


def send_logs(tracer: Tracer) -> None:
    """Emit log records in a span and outside any."""
    provider = LoggerProvider(resource=RESOURCE)
    exporter = OTLPLogExporter(endpoint=f"{URL}/v1/logs", headers=HEADERS)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=100))
    logger = provider.get_logger("tree")
    with tracer.start_as_current_span("logging run"):
        for severity in (SeverityNumber.DEBUG, SeverityNumber.INFO, SeverityNumber.WARN, SeverityNumber.FATAL):
            logger.emit(
                severity_number=severity, severity_text=severity.name, body=f"at {severity.name} ü", attributes={"n": 1}
            )
        logger.emit(severity_number=SeverityNumber.INFO, body={"structured": [1, "two"]}, event_name="tree.grown")
    provider.shutdown()


def main() -> None:
    how = sys.argv[1]
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(BatchSpanProcessor(build_exporter(how), schedule_delay_millis=50))
    tracer = provider.get_tracer("tree", "1.0", attributes={"scope.kind": "hand-made"})
    send_tree(tracer, how=how)
    send_logs(tracer)
    provider.shutdown()


if __name__ == "__main__":
    main()
