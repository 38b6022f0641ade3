"""Believable agent traces as OTLP protobuf, the same for the same seed.

One trace is a workflow span and 12 children: four steps of a model call, a tool call and, inside the tool, an http or
db call. A span weighs 2.2 KB on average; model calls carry about 2 KB of prompt and 1 KB of completion, in words
of a zipf-weighted vocabulary, so that they compress like prose. Spans come in the order in which they end, the root
last.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

MILLISECOND = 1_000_000
"""Nanoseconds."""

_WORKFLOWS = ("support_desk", "research", "billing", "code_review", "triage", "onboarding", "sales", "reporting")
_TOOLS = ("search_orders", "lookup_customer", "fetch_document", "run_query", "send_email", "refund", "list_tickets")
_MODELS = (
    ("openai", "gpt-4o-2024-08-06"),
    ("openai", "gpt-4o-mini-2024-07-18"),
    ("anthropic", "claude-sonnet-4-20250514"),
    ("google", "gemini-2.0-flash"),
)
_TABLES = ("orders", "customers", "tickets", "documents")
_SYSTEM_PROMPTS = 40
"""Different system prompts in all: applications have some dozens, not one a call."""


def make_attribute(key: str, value: str | int | float | list[str]) -> KeyValue:
    if isinstance(value, str):
        return KeyValue(key=key, value=AnyValue(string_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    items = [AnyValue(string_value=item) for item in value]
    return KeyValue(key=key, value=AnyValue(array_value=ArrayValue(values=items)))


class _Prose:
    """Text cut at random places out of one long text."""

    def __init__(
        self, chance: random.Random, *, brevity: float, characters: int = 2_000_000, vocabulary: int = 6_000
    ) -> None:
        letters = "etaoinshrdlucmfwypvbgkjqxz"
        weights = [1 / (place + 1) for place in range(len(letters))]
        words = ["".join(chance.choices(letters, weights, k=chance.randint(2, 9))) for _ in range(vocabulary)]
        frequency = list(itertools.accumulate(1 / (place + 1) ** 0.9 for place in range(vocabulary)))
        drawn = chance.choices(words, cum_weights=frequency, k=characters // 5)
        for place in range(11, len(drawn), 13):
            drawn[place] += "."
        self._text = " ".join(drawn)
        self._chance, self._brevity = chance, brevity

    def take(self, characters: int) -> str:
        characters = int(characters * self._brevity)
        start = self._chance.randrange(len(self._text) - characters)
        return self._text[start : start + characters]


class TraceMaker:
    """Makes traces whose starts are spread over the `window_s` seconds before `now_ns`.

    Texts have `brevity` times their usual length.
    """

    def __init__(self, *, seed: int = 1, window_s: int = 3600, now_ns: int | None = None, brevity: float = 1.0) -> None:
        self._chance = random.Random(seed)
        self._prose = _Prose(random.Random(seed + 1), brevity=brevity)
        self._prompts = [self._prose.take(850) for _ in range(_SYSTEM_PROMPTS)]
        self._now_ns = now_ns or time.time_ns()
        self._window_ns = window_s * 1_000_000_000

    def make_trace(self) -> list[Span]:
        """Return one trace's spans in the order in which they end."""
        chance = self._chance
        trace_id, root_id = chance.randbytes(16), chance.randbytes(8)
        session = f"session-{chance.randrange(100_000)}"
        start = self._now_ns - chance.randrange(self._window_ns) - 10_000 * MILLISECOND
        spans: list[Span] = []
        moment = start + 3 * MILLISECOND
        for place in range(4):
            moment = self._add_step(spans, trace_id, root_id, moment, session, is_http=place % 2 == 0)
        failed = chance.random() < 0.02
        attributes = [
            make_attribute("openinference.span.kind", "AGENT"),
            make_attribute("session.id", session),
            make_attribute("user.id", f"user-{chance.randrange(5000)}"),
            make_attribute("input.value", self._prose.take(300)),
            make_attribute("input.mime_type", "text/plain"),
            make_attribute("output.value", self._prose.take(300)),
            make_attribute("output.mime_type", "text/plain"),
            make_attribute("gen_ai.operation.name", "invoke_agent"),
            make_attribute("gen_ai.agent.name", f"agent-{chance.randrange(8)}"),
            make_attribute("gen_ai.conversation.id", session),
            make_attribute("metadata", json.dumps({"release": f"2026.{chance.randrange(12)}", "tier": "pro"})),
        ]
        name = _WORKFLOWS[chance.randrange(len(_WORKFLOWS))]
        spans.append(
            self._span(trace_id, root_id, b"", name, start, moment + 2 * MILLISECOND, attributes, failed=failed)
        )
        return spans

    def _add_step(
        self, spans: list[Span], trace_id: bytes, parent: bytes, start: int, session: str, *, is_http: bool
    ) -> int:
        """Add a model call and a tool call with its inner call; return when they are over."""
        chance = self._chance
        called = start + (900 + chance.randrange(900)) * MILLISECOND
        spans.append(self._make_model_call(trace_id, parent, start, called, session))
        tool_start = called + 2 * MILLISECOND
        tool_end = tool_start + (50 + chance.randrange(200)) * MILLISECOND
        tool_id = chance.randbytes(8)
        inner = self._make_http if is_http else self._make_query
        spans.append(inner(trace_id, tool_id, tool_start + 4 * MILLISECOND, tool_end - 4 * MILLISECOND))
        spans.append(self._make_tool_call(trace_id, tool_id, parent, tool_start, tool_end))
        return tool_end + MILLISECOND

    def _make_model_call(self, trace_id: bytes, parent: bytes, start: int, end: int, session: str) -> Span:
        chance, prose = self._chance, self._prose
        provider, model = _MODELS[chance.randrange(len(_MODELS))]
        read, written = 480 + chance.randrange(80), 220 + chance.randrange(60)
        question, answer = prose.take(380), prose.take(1000)
        messages = (
            ("system", self._prompts[chance.randrange(_SYSTEM_PROMPTS)]),
            ("user", prose.take(380)),
            ("assistant", prose.take(390)),
            ("user", question),
        )
        attributes = [
            make_attribute("openinference.span.kind", "LLM"),
            make_attribute("session.id", session),
            make_attribute("llm.system", provider),
            make_attribute("llm.provider", provider),
            make_attribute("llm.model_name", model),
            make_attribute("llm.invocation_parameters", '{"temperature": 0.2, "max_tokens": 1024, "top_p": 1}'),
        ]
        for place, (role, content) in enumerate(messages):
            attributes.append(make_attribute(f"llm.input_messages.{place}.message.role", role))
            attributes.append(make_attribute(f"llm.input_messages.{place}.message.content", content))
        attributes += [
            make_attribute("llm.output_messages.0.message.role", "assistant"),
            make_attribute("llm.output_messages.0.message.content", answer),
            make_attribute("llm.token_count.prompt", read),
            make_attribute("llm.token_count.completion", written),
            make_attribute("llm.token_count.total", read + written),
            make_attribute("input.value", question),
            make_attribute("input.mime_type", "text/plain"),
            make_attribute("output.value", answer[:300]),
            make_attribute("output.mime_type", "text/plain"),
            make_attribute("gen_ai.operation.name", "chat"),
            make_attribute("gen_ai.system", provider),
            make_attribute("gen_ai.request.model", model),
            make_attribute("gen_ai.response.model", model),
            make_attribute("gen_ai.response.id", f"chatcmpl-{chance.randbytes(12).hex()}"),
            make_attribute("gen_ai.request.temperature", 0.2),
            make_attribute("gen_ai.request.max_tokens", 1024),
            make_attribute("gen_ai.usage.input_tokens", read),
            make_attribute("gen_ai.usage.output_tokens", written),
            make_attribute("gen_ai.response.finish_reasons", ["stop"]),
        ]
        return self._span(trace_id, chance.randbytes(8), parent, "ChatCompletion", start, end, attributes)

    def _make_tool_call(self, trace_id: bytes, span_id: bytes, parent: bytes, start: int, end: int) -> Span:
        chance, prose = self._chance, self._prose
        name = _TOOLS[chance.randrange(len(_TOOLS))]
        given = {"query": prose.take(300), "customer_id": chance.getrandbits(32), "limit": 20, "status": "open"}
        rows = [{"id": chance.getrandbits(32), "score": chance.random(), "title": prose.take(90)} for _ in range(3)]
        attributes = [
            make_attribute("openinference.span.kind", "TOOL"),
            make_attribute("tool.name", name),
            make_attribute("tool.description", f"Calls the {name} backend."),
            make_attribute("input.value", json.dumps(given)),
            make_attribute("input.mime_type", "application/json"),
            make_attribute("output.value", json.dumps({"ok": True, "rows": rows, "took_ms": 12})),
            make_attribute("output.mime_type", "application/json"),
            make_attribute("gen_ai.operation.name", "execute_tool"),
            make_attribute("gen_ai.tool.name", name),
            make_attribute("gen_ai.tool.call.id", f"call_{chance.randbytes(8).hex()}"),
        ]
        failed = chance.random() < 0.03
        span = self._span(trace_id, span_id, parent, name, start, end, attributes, failed=failed)
        if failed:
            stack = "Traceback (most recent call last):\n" + prose.take(800)
            event = span.events.add(time_unix_nano=end, name="exception")
            event.attributes.extend(
                [
                    make_attribute("exception.type", "ToolError"),
                    make_attribute("exception.message", "upstream timed out after 30 s"),
                    make_attribute("exception.stacktrace", stack),
                ]
            )
        return span

    def _make_http(self, trace_id: bytes, parent: bytes, start: int, end: int) -> Span:
        attributes = [
            make_attribute("http.request.method", "GET"),
            make_attribute("url.full", f"https://api.internal/v2/items/{self._chance.randrange(10**7)}?expand=all"),
            make_attribute("server.address", "api.internal"),
            make_attribute("server.port", 443),
            make_attribute("http.response.status_code", 200),
            make_attribute("network.protocol.version", "1.1"),
            make_attribute("user_agent.original", "python-httpx/0.28.1"),
        ]
        return self._span(trace_id, self._chance.randbytes(8), parent, "GET", start, end, attributes)

    def _make_query(self, trace_id: bytes, parent: bytes, start: int, end: int) -> Span:
        table = _TABLES[self._chance.randrange(len(_TABLES))]
        text = f"SELECT id, status, created_at FROM {table} WHERE tenant_id = $1 AND status = ANY($2) LIMIT $3"
        attributes = [
            make_attribute("db.system", "postgresql"),
            make_attribute("db.namespace", "shop"),
            make_attribute("db.operation.name", "SELECT"),
            make_attribute("db.collection.name", table),
            make_attribute("db.query.text", text),
            make_attribute("server.address", "db.internal"),
            make_attribute("server.port", 5432),
        ]
        return self._span(trace_id, self._chance.randbytes(8), parent, f"SELECT {table}", start, end, attributes)

    @staticmethod
    def _span(
        trace_id: bytes,
        span_id: bytes,
        parent: bytes,
        name: str,
        start: int,
        end: int,
        attributes: list[KeyValue],
        *,
        failed: bool = False,
    ) -> Span:
        return Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent,
            name=name,
            start_time_unix_nano=start,
            end_time_unix_nano=end,
            attributes=attributes,
            status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_OK),
        )


_RESOURCE = [
    make_attribute("service.name", "bench-agent"),
    make_attribute("service.version", "1.4.2"),
    make_attribute("deployment.environment", "prod"),
    make_attribute("telemetry.sdk.language", "python"),
    make_attribute("telemetry.sdk.name", "opentelemetry"),
    make_attribute("host.name", "ip-10-0-3-17"),
    make_attribute("process.pid", 4711),
]


def encode_request(spans: list[Span]) -> bytes:
    """Return the export request that an SDK would send these spans in."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(_RESOURCE)
    scope = resource.scope_spans.add()
    scope.scope.name = "openinference.instrumentation.agent"
    scope.scope.version = "0.1.30"
    scope.spans.extend(spans)
    encoded: bytes = request.SerializeToString()
    return encoded


def make_requests(traces: int, *, traces_per_request: int = 10, seed: int = 1) -> Iterator[tuple[bytes, int]]:
    """Yield encoded requests and the number of spans in each."""
    maker = TraceMaker(seed=seed)
    for first in range(0, traces, traces_per_request):
        spans = [span for _ in range(min(traces_per_request, traces - first)) for span in maker.make_trace()]
        yield encode_request(spans), len(spans)
