"""One call of each library's recording, which all describe the same agent: what every dialect must find in it."""

from __future__ import annotations

import hashlib

import pytest

from observability.ingest.records import Usage
from tests.ingest.otlp.recorded import describe, list_events, messages_of

RECORDINGS = (
    "openinference",
    "openllmetry_flattened",
    "gen_ai",
    "langfuse",
    "logfire",
    "pydantic_ai_events",
    "vercel_ai_4",
    "vercel_ai_5",
    "vercel_ai_6",
)
WITH_TOOLS = tuple(name for name in RECORDINGS if name != "langfuse")
WITH_ALL_CLASSES = ("openinference", "langfuse", "logfire", "pydantic_ai_events", "vercel_ai_4", "vercel_ai_6")
SYSTEM = "You are a weather bot."
QUESTION = "What is the weather in Paris?"
ANSWER = "It is sunny in Paris, 21 degrees."


@pytest.mark.parametrize("name", RECORDINGS)
def test_model_call__recorded__model_and_system_prompt_are_found(name: str) -> None:
    call = list_events(name, "ai")[0]

    assert call.model == "gpt-4o-2024-08-06"
    assert call.prompt_hash == hashlib.sha256(SYSTEM.encode()).hexdigest()


@pytest.mark.parametrize("name", [name for name in RECORDINGS if name != "langfuse"])
def test_model_call__recorded__provider_is_found(name: str) -> None:
    assert {call.provider for call in list_events(name, "ai")} == {"openai"}


@pytest.mark.parametrize("name", WITH_ALL_CLASSES)
def test_usage__recorded__classes_exclude_one_another(name: str) -> None:
    usage = list_events(name, "ai")[0].usage

    assert usage is not None
    assert (usage.input, usage.cached_input, usage.output, usage.reasoning, usage.total) == (56, 64, 25, 20, 165)


def test_usage__library_without_details__whole_input_and_output() -> None:
    usage = list_events("gen_ai", "ai")[0].usage

    assert usage == Usage(input=120, output=45, total=165)


@pytest.mark.parametrize("name", WITH_TOOLS)
def test_messages__call_that_asks_for_a_tool__question_and_call(name: str) -> None:
    messages = messages_of(list_events(name, "ai")[0])

    assert describe(messages) == [
        ("input", "system", "text", SYSTEM),
        ("input", "user", "text", QUESTION),
        ("output", "assistant", "tool_call", {"city": "Paris"}),
    ]
    assert messages[-1].parts[0].name == "get_weather"
    assert messages[-1].parts[0].call_id == "call_abc123"


@pytest.mark.parametrize("name", WITH_TOOLS)
def test_messages__call_after_the_tool__result_and_answer(name: str) -> None:
    calls = [messages_of(call) for call in list_events(name, "ai")]

    after_tool = next(messages for messages in calls if any(message.role == "tool" for message in messages))

    assert describe(after_tool)[2:] == [
        ("input", "assistant", "tool_call", {"city": "Paris"}),
        ("input", "tool", "tool_result", {"celsius": 21}),
        ("output", "assistant", "text", ANSWER),
    ]


@pytest.mark.parametrize("name", [n for n in RECORDINGS if n not in ("logfire", "pydantic_ai_events")])
def test_failed_call__recorded__error_and_requested_model(name: str) -> None:
    failed = next(call for call in list_events(name, "ai") if call.status == "error")

    assert failed.model == "broken-model"
    assert failed.error_message is not None
    assert "overloaded" in failed.error_message
    assert failed.output is None


@pytest.mark.parametrize("name", ["openinference", "gen_ai", "logfire", "vercel_ai_4", "vercel_ai_6"])
def test_tool__recorded__input_output_and_name(name: str) -> None:
    tool = list_events(name, "tool")[0]

    assert (tool.tool_name or tool.name) == "get_weather"
    assert tool.input is not None
    assert tool.input.replace(b" ", b"") == b'{"city":"Paris"}'
    assert tool.output is not None
    assert tool.output.replace(b" ", b"") == b'{"celsius":21}'


@pytest.mark.parametrize("name", ["openinference", "gen_ai", "vercel_ai_5", "openllmetry_flattened"])
def test_embedding__recorded__counts_as_a_model_call(name: str) -> None:
    embedding = next(call for call in list_events(name, "ai") if call.model == "text-embedding-3-small")

    assert embedding.usage is not None
    assert (embedding.usage.input, embedding.usage.total) == (8, 8)
