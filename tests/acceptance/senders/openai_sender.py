"""A program that calls a model through the real `openai` client, instrumented by one of two libraries.

Run with `openinference` or `openllmetry`. Says on stdout, as JSON lines, what it asked and what it was answered.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

import openai
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInferenceInstrumentor
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetryInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "lookup_order",
            "description": "Read an order.",
            "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
        },
    }
]
# Long enough that the stand-in counts it as cached once the conversation goes on.
SYSTEM = {"role": "system", "content": "You are the accept-o-matic. Answer kindly. " * 20}
INSTRUMENTORS: dict[str, Any] = {"openinference": OpenInferenceInstrumentor, "openllmetry": OpenLLMetryInstrumentor}


def build_provider() -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({"service.name": "openai-sender", "service.version": "2.0"}))
    exporter = OTLPSpanExporter(
        endpoint=f"{os.environ['SENDER_URL']}/v1/traces",
        headers={"Authorization": f"Bearer {os.environ['SENDER_KEY']}"},
        compression=Compression.Gzip,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=100))
    return provider


def tell(messages: list[Any], answer: Any, usage: Any) -> None:
    """Say what was asked and answered."""
    facts = {"messages": messages, "answer": answer, "usage": usage.model_dump() if usage else None}
    sys.stdout.write(json.dumps(facts) + "\n")


def chat(client: openai.OpenAI) -> None:
    messages: list[Any] = [SYSTEM, {"role": "user", "content": "What is a tarp? 🏕️"}]
    done = client.chat.completions.create(model="gpt-4o-mini", messages=messages, temperature=0.3, max_tokens=200)
    tell(messages, done.choices[0].message.content, done.usage)


def chat_streamed(client: openai.OpenAI) -> None:
    messages: list[Any] = [SYSTEM, {"role": "user", "content": "And a bivouac, на русском?"}]
    chunks = client.chat.completions.create(
        model="gpt-4o", messages=messages, stream=True, stream_options={"include_usage": True}
    )
    text, usage = "", None
    for chunk in chunks:
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        usage = chunk.usage or usage
    tell(messages, text, usage)


def chat_with_tools(client: openai.OpenAI) -> None:
    messages: list[Any] = [SYSTEM, {"role": "user", "content": "Where is KO-10480?"}]
    asked = client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
    tell(list(messages), None, asked.usage)
    message = asked.choices[0].message
    call = (message.tool_calls or [])[0]
    messages += [
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": json.dumps({"id": "KO-10480", "status": "delayed"})},
    ]
    done = client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
    tell(messages, done.choices[0].message.content, done.usage)


def chat_that_fails(client: openai.OpenAI) -> None:
    """Ask what the stand-in refuses."""
    with contextlib.suppress(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4o", messages=[3])  # type: ignore[list-item]


def main() -> None:
    provider = build_provider()
    INSTRUMENTORS[sys.argv[1]]().instrument(tracer_provider=provider)
    client = openai.OpenAI(base_url=f"{os.environ['SENDER_MODEL_URL']}/v1", api_key="sk-local", max_retries=0)
    tracer = provider.get_tracer("openai-sender")
    with tracer.start_as_current_span(f"{sys.argv[1]} run", attributes={"session.id": "accept", "user.id": "ann"}):
        chat(client)
        chat_streamed(client)
        chat_with_tools(client)
    chat_that_fails(client)
    provider.shutdown()


if __name__ == "__main__":
    main()
