"""An exporter of OTLP/HTTP with JSON bodies, as other languages' SDKs send: ids in hex, 64-bit numbers as text."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import httpx
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

ID_FIELDS = {"traceId", "spanId", "parentSpanId"}


class JsonSpanExporter(SpanExporter):
    """Posts every batch as one JSON document."""

    def __init__(self, endpoint: str, headers: dict[str, str]) -> None:
        self.endpoint = endpoint
        self.headers = headers

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        message = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
        content = json.dumps(use_hex_ids(message)).encode()
        headers = {**self.headers, "content-type": "application/json"}
        response = httpx.post(self.endpoint, content=content, headers=headers, timeout=20)
        return SpanExportResult.SUCCESS if response.status_code == 200 else SpanExportResult.FAILURE


def use_hex_ids(value: Any) -> Any:
    """Return the document with ids in hex, where protobuf's own JSON has base64."""
    if isinstance(value, list):
        return [use_hex_ids(item) for item in value]
    if isinstance(value, dict):
        return {
            key: base64.b64decode(item).hex() if key in ID_FIELDS else use_hex_ids(item) for key, item in value.items()
        }
    return value
