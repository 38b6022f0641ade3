"""Spans and logs of the triage agent, in the words of OpenTelemetry's GenAI, HTTP and database conventions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from opentelemetry import baggage
from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, format_span_id

from demo.replies import Message
from demo.ticket_database import TicketDatabase

AGENT_HEADERS = {"User-Agent": "kestrel-triage-agent/1.4"}
ATTEMPTS = 3
RETRIED = {429, 500, 503}
MODEL_PATH = "/v1/chat/completions"
SEVERITIES = {"info": SeverityNumber.INFO, "warn": SeverityNumber.WARN, "error": SeverityNumber.ERROR}


class CallFailedError(Exception):
    """An HTTP call did not give what it was for, in the end."""


class BaggageProcessor(SpanProcessor):
    """Copies the run's name, session and user to each of its spans.

    The root span arrives last; by these a viewer knows from the first span on which run it belongs to.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        span.set_attributes({key: str(value) for key, value in baggage.get_all(parent_context).items()})


class AnnouncingProcessor(SpanProcessor):
    """Exports each span also when it begins, the way Logfire announces its own, so that a viewer sees it running.

    An announcement is an empty child of the span with its start; the receiver takes it for the span's first half.
    """

    def __init__(self, exporting: SpanProcessor) -> None:
        self._exporting = exporting
        self._ids = RandomIdGenerator()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if not isinstance(span, ReadableSpan) or span.context is None:
            return
        parent = format_span_id(span.parent.span_id if span.parent else 0)
        known = dict(span.attributes or {})
        announced = SpanContext(
            span.context.trace_id, self._ids.generate_span_id(), is_remote=False, trace_flags=span.context.trace_flags
        )
        self._exporting.on_end(
            ReadableSpan(
                name=span.name,
                context=announced,
                parent=span.context,
                resource=span.resource,
                attributes={**known, "logfire.span_type": "pending_span", "logfire.pending_parent_id": parent},
                kind=span.kind,
                instrumentation_scope=span.instrumentation_scope,
                start_time=span.start_time,
                end_time=span.start_time,
            )
        )


class Recorder:
    """Does the agent's calls and records each as a span under the current one."""

    def __init__(self, *, traces: TracerProvider, logs: LoggerProvider, stand_in: str, pace: float) -> None:
        self.tracer = traces.get_tracer("kestrel.triage", "1.4.0")
        self.logger: Logger = logs.get_logger("kestrel.triage", "1.4.0")
        self.http = httpx.AsyncClient(base_url=stand_in, headers=AGENT_HEADERS, timeout=30)
        self.database = TicketDatabase()
        self.pace = pace

    @contextmanager
    def run(self, workflow: str, *, session: str, user: str, links: list[Link]) -> Iterator[Span]:
        """Open the root span of a run. A run that gets to its end went well, whatever it met on the way."""
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": workflow}
        context = Context()
        for key, value in {"workflow.name": workflow, "session.id": session, "user.id": user}.items():
            context = baggage.set_baggage(key, value, context)
        token = attach(context)
        try:
            name = f"invoke_agent {workflow}"
            with self.tracer.start_as_current_span(name, attributes=attributes, links=links) as span:
                yield span
                span.set_status(Status(StatusCode.OK))
        finally:
            detach(token)

    @contextmanager
    def agent(self, name: str) -> Iterator[Span]:
        """Open the span of a sub-agent."""
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
        with self.tracer.start_as_current_span(f"invoke_agent {name}", attributes=attributes) as span:
            yield span

    @contextmanager
    def step(self, name: str, **attributes: str | int) -> Iterator[Span]:
        """Open the span of a plain piece of work."""
        with self.tracer.start_as_current_span(name, attributes=attributes) as span:
            yield span

    async def chat(
        self, messages: list[Message], *, model: str, tools: list[Any] | None = None, streams: bool = False
    ) -> Message:
        """Ask the model; the HTTP attempts are children of the call's span."""
        with self.tracer.start_as_current_span(f"chat {model}", kind=SpanKind.CLIENT) as span:
            span.set_attributes(describe_chat_request(messages, model=model, tools=tools))
            request: dict[str, Any] = {"model": model, "messages": messages, "temperature": 0.2}
            if tools:
                request["tools"] = tools
            if streams:
                request.update(stream=True, stream_options={"include_usage": True})
                span.set_attributes({"gen_ai.request.stream": True})
            answer = await self.call("POST", MODEL_PATH, body=request)
            span.set_attributes(describe_chat_answer(answer))
            message: Message = answer["choices"][0]["message"]
            return message

    async def tool(self, name: str, work: Callable[..., Awaitable[Any]], *, call_id: str = "", **arguments: Any) -> Any:
        """Run a tool and record its arguments and result."""
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call_id or f"call_{name}",
            "gen_ai.tool.call.arguments": dump(arguments),
        }
        with self.tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes) as span:
            result = await work(**arguments)
            span.set_attribute("gen_ai.tool.call.result", dump(result))
            return result

    async def call(self, method: str, path: str, *, body: dict[str, Any] | None = None) -> Any:
        """Do an HTTP call, one span an attempt, and return its JSON. Raises `CallFailedError`."""
        for attempt in range(ATTEMPTS):
            await asyncio.sleep(0.3 * attempt * self.pace)
            status, answer = await self._attempt(method, path, body=body, resend=attempt)
            if status not in RETRIED:
                return answer
            self.log("warn", "HTTP {} from {}, trying again", status, path, attempt=attempt + 1)
        raise CallFailedError(f"{method} {path} failed {ATTEMPTS} times")

    async def _attempt(self, method: str, path: str, *, body: dict[str, Any] | None, resend: int) -> tuple[int, Any]:
        url = self.http.base_url.join(path)
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "url.full": str(url),
            "server.address": url.host,
            "server.port": url.port or 80,
        }
        if resend:
            attributes["http.request.resend_count"] = resend
        with self.tracer.start_as_current_span(method, kind=SpanKind.CLIENT, attributes=attributes) as span:
            response = await self.http.request(method, path, json=body)
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 400:
                span.set_attribute("error.type", str(response.status_code))
                span.set_status(Status(StatusCode.ERROR, response.text[:200]))
            return response.status_code, parse_answer(response)

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """Read from the ticket database."""
        with self._database_span(sql) as span:
            rows = self.database.query(sql, parameters)
            span.set_attribute("db.response.returned_rows", len(rows))
            return rows

    def execute(self, sql: str, parameters: tuple[Any, ...] = ()) -> int:
        """Change the ticket database."""
        with self._database_span(sql):
            return self.database.execute(sql, parameters)

    @contextmanager
    def _database_span(self, sql: str) -> Iterator[Span]:
        words = sql.replace("(", " ").split()
        table = next((words[i + 1] for i, word in enumerate(words) if word in {"FROM", "INTO", "UPDATE"}), "")
        attributes = {
            "db.system.name": "sqlite",
            "db.namespace": "tickets",
            "db.query.text": sql,
            "db.operation.name": words[0],
            "db.collection.name": table,
        }
        name = f"{words[0]} {table}"
        with self.tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes) as span:
            yield span

    def log(self, level: str, text: str, *values: Any, **attributes: str | int) -> None:
        """Emit a log record in the current span."""
        self.logger.emit(
            severity_number=SEVERITIES[level],
            severity_text=level.upper(),
            body=text.format(*values),
            attributes=attributes,
        )


def parse_answer(response: httpx.Response) -> Any:
    """Return a JSON body, or the completion that a stream of chunks adds up to."""
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        return response.json()
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
    chunks = [json.loads(line) for line in lines]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": choices[-1]["finish_reason"]}
    return {**chunks[-1], "choices": [choice]}


def describe_chat_request(messages: list[Message], *, model: str, tools: list[Any] | None) -> dict[str, Any]:
    """Return the GenAI attributes of a chat request."""
    system = [{"type": "text", "content": m["content"]} for m in messages if m["role"] == "system"]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.system_instructions": dump(system),
        "gen_ai.input.messages": dump([describe_message(m) for m in messages if m["role"] != "system"]),
    }
    if tools:
        attributes["gen_ai.tool.definitions"] = dump([{"type": "function", **tool["function"]} for tool in tools])
    return attributes


def describe_chat_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the GenAI attributes of a chat completion."""
    choice, usage = answer["choices"][0], answer["usage"]
    return {
        "gen_ai.response.id": answer["id"],
        "gen_ai.response.model": answer["model"],
        "gen_ai.response.finish_reasons": [choice["finish_reason"]],
        "gen_ai.usage.input_tokens": usage["prompt_tokens"],
        "gen_ai.usage.output_tokens": usage["completion_tokens"],
        "gen_ai.usage.cache_read.input_tokens": usage["prompt_tokens_details"]["cached_tokens"],
        "gen_ai.output.messages": dump(
            [{**describe_message(choice["message"]), "finish_reason": choice["finish_reason"]}]
        ),
    }


def describe_message(message: Message) -> dict[str, Any]:
    """Return a message as role and parts, as GenAI attributes hold it."""
    parts: list[dict[str, Any]] = []
    if message["role"] == "tool":
        response = json.loads(message["content"])
        parts.append({"type": "tool_call_response", "id": message["tool_call_id"], "response": response})
    elif message.get("content"):
        parts.append({"type": "text", "content": message["content"]})
    for call in message.get("tool_calls") or []:
        function = call["function"]
        arguments = json.loads(function["arguments"])
        parts.append({"type": "tool_call", "id": call["id"], "name": function["name"], "arguments": arguments})
    return {"role": message["role"], "parts": parts}


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
