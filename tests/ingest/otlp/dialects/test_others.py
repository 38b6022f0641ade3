"""What is particular to each of the other dialects."""

from __future__ import annotations

import json

import pytest

from observability.ingest.records import Usage
from tests.ingest.otlp.recorded import (
    SPAN_ID,
    decode_recorded,
    decode_span,
    describe,
    list_events,
    messages_of,
)


@pytest.mark.parametrize(
    ("span_kind", "parent", "kind"),
    [
        ("LLM", "", "ai"),
        ("EMBEDDING", "", "ai"),
        ("AGENT", "", "agent"),
        ("TOOL", "", "tool"),
        ("RETRIEVER", "", "tool"),
        ("CHAIN", SPAN_ID[::-1], "node"),
        ("CHAIN", "", "workflow"),
        ("GUARDRAIL", SPAN_ID[::-1], "node"),
        ("llm", "", "ai"),
        ("SOMETHING", "", "span"),
    ],
)
def test_openinference__span_kind__its_kind(span_kind: str, parent: str, kind: str) -> None:
    event = decode_span({"openinference.span.kind": span_kind}, parentSpanId=parent)

    assert (event.dialect, event.kind) == ("openinference", kind)


def test_openinference__recorded_context__session_user_tags_prompt_version() -> None:
    call = list_events("openinference", "ai")[0]

    assert (call.session_id, call.user_id, call.tags) == ("session-7", "user-9", ("beta", "eu"))
    assert call.prompt_version == "v3"
    assert call.extra is not None
    assert json.loads(call.extra)["parameters"]["temperature"] == 0.2


def test_openinference__recorded_image__is_a_placeholder_with_its_size() -> None:
    images = [
        part
        for call in list_events("openinference", "ai")
        for message in messages_of(call)
        for part in message.parts
        if part.type == "image"
    ]

    assert [(image.mime_type, image.size_bytes, image.url, image.text) for image in images] == [
        ("image/png", 70, None, None)
    ]


def test_openinference__messages_without_input_value__are_moved_to_input_and_restorable() -> None:
    event = decode_span(
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "Hi",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "Hello",
        }
    )

    assert event.input == b'[{"message":{"role":"user","content":"Hi"}}]'
    assert describe(messages_of(event)) == [
        ("input", "user", "text", "Hi"),
        ("output", "assistant", "text", "Hello"),
    ]
    assert event.attributes == (
        b'{"openinference.span.kind":"LLM","llm.input_messages":{"$moved":"input","as":"flat"},'
        b'"llm.output_messages":{"$moved":"output","as":"flat"}}'
    )


def test_openinference__stated_cost__in_millionths() -> None:
    event = decode_span({"openinference.span.kind": "LLM", "llm.cost.total": 0.00123})

    assert event.cost_micros == 1_230


def test_openllmetry__recorded_decorators__workflow_agent_task_tool() -> None:
    events = {event.name: event for event in decode_recorded("openllmetry").events}

    kinds = {name: event.kind for name, event in events.items() if event.dialect == "openllmetry"}

    assert kinds == {
        "weather_report.workflow": "workflow",
        "weather.agent": "agent",
        "answer.task": "node",
        "get_weather.tool": "tool",
    }
    assert {event.workflow_name for event in events.values()} == {"weather_report"}
    assert {event.session_id for event in events.values()} == {"session-7"}
    assert events["get_weather.tool"].tool_name == "get_weather"
    assert events["weather_report.workflow"].output == b'"It is sunny in Paris."'


def test_openllmetry__recorded_anthropic_call__cached_tokens_are_inside_its_input_count() -> None:
    call = next(event for event in decode_recorded("openllmetry").events if event.name == "anthropic.chat")

    assert call.usage == Usage(input=30, cached_input=200, cache_write=10, output=12, total=252)


def test_openllmetry__recorded_stream__is_marked() -> None:
    streamed = [json.loads(call.extra or b"{}").get("streamed") for call in list_events("openllmetry_flattened", "ai")]

    assert streamed.count(True) == 1


def test_langfuse__recorded_observations__each_type_its_kind() -> None:
    kinds = {event.name: event.kind for event in decode_recorded("langfuse").events}

    assert kinds == {
        "weather_agent": "agent",
        "get_weather": "tool",
        "answer": "ai",
        "draft": "ai",
        "lookup": "tool",
        "cache-miss": "event",
        "OpenAI-generation": "ai",
    }


def test_langfuse__recorded_trace__name_session_user_tags_environment_release() -> None:
    event = decode_recorded("langfuse").events[0]

    assert (event.workflow_name, event.session_id, event.user_id) == ("weather_report", "session-7", "user-9")
    assert (event.tags, event.environment, event.service_version) == (("beta", "eu"), "staging", "1.2.0")


def test_langfuse__recorded_cost_and_own_classes__are_taken_as_stated() -> None:
    draft = next(event for event in decode_recorded("langfuse").events if event.name == "draft")

    assert draft.usage == Usage(input=30, cached_input=200, cache_write=10, output=12, total=252)
    assert draft.cost_micros == 270


def test_langfuse__cost_without_a_total__is_the_sum() -> None:
    event = decode_span(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.cost_details": '{"input": 0.1, "output": 0.2}',
        }
    )

    assert event.cost_micros == 300_000


def test_langfuse__level_error_on_a_span_without_status__is_an_error() -> None:
    event = decode_span(
        {
            "langfuse.observation.type": "span",
            "langfuse.observation.level": "ERROR",
            "langfuse.observation.status_message": "no seats left",
        }
    )

    assert (event.status, event.error_message) == ("error", "no seats left")


def test_logfire__recorded_pending_span__is_the_running_half_of_the_real_one() -> None:
    pending = decode_recorded("logfire_pending").events[0]

    whole = next(event for event in decode_recorded("logfire").events if event.name == pending.name)

    assert (pending.status, pending.ended_at_us) == ("running", None)
    assert (pending.trace_id, pending.started_at_us, pending.span_id) == (
        whole.trace_id,
        whole.started_at_us,
        whole.span_id,
    )
    assert pending.parent_span_id == whole.parent_span_id == ""


def test_logfire__recorded_pending_children__keep_their_parents() -> None:
    pending = {event.span_id: event for event in decode_recorded("pydantic_ai_pending").events if event.kind != "event"}
    whole = {event.span_id: event for event in decode_recorded("logfire").events}

    assert {key: event.parent_span_id for key, event in pending.items()} == {
        key: whole[key].parent_span_id for key in pending
    }
    assert [event.kind for event in pending.values()] == ["agent", "ai"]


def test_logfire__recorded_log__is_an_event_named_by_its_message() -> None:
    log = list_events("pydantic_ai_pending", "event")[0]

    assert log.name == "cache miss"


def test_logfire__recorded_agent_run__conversation_result_and_no_usage() -> None:
    run = list_events("logfire", "agent")[0]

    assert (run.agent_name, run.usage) == ("weather", None)
    assert run.output == b'"It is sunny in Paris, 21 degrees."'
    assert [message.role for message in messages_of(run)] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "assistant",
    ]


def test_logfire__recorded_operation_cost__in_millionths() -> None:
    assert {call.cost_micros for call in list_events("logfire", "ai")} == {670}


@pytest.mark.parametrize("name", ["vercel_ai_4", "vercel_ai_5", "vercel_ai_6"])
def test_vercel_ai__recorded_run_around_calls__is_an_agent_without_usage(name: str) -> None:
    runs = list_events(name, "agent")

    assert {(run.agent_name, run.usage) for run in runs} == {("weather-report", None)}
    assert (runs[0].session_id, runs[0].user_id) == ("session-7", "user-9")
    assert describe(messages_of(runs[0])) == [
        ("input", "system", "text", "You are a weather bot."),
        ("input", "user", "text", "What is the weather in Paris?"),
        ("output", "assistant", "text", "It is sunny in Paris, 21 degrees."),
    ]


def test_vercel_ai__anthropic_before_version_6__cached_tokens_are_beside_the_input_count() -> None:
    event = decode_span(
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.provider": "anthropic.messages",
            "ai.model.id": "claude-sonnet-4",
            "ai.usage.promptTokens": 300,
            "ai.usage.completionTokens": 12,
            "ai.response.providerMetadata": json.dumps(
                {"anthropic": {"cacheReadInputTokens": 200, "cacheCreationInputTokens": 10}}
            ),
        }
    )

    assert event.provider == "anthropic"
    assert event.usage == Usage(input=300, cached_input=200, cache_write=10, output=12, total=522)


def test_vercel_ai__text_and_tool_calls__are_one_answer() -> None:
    event = decode_span(
        {
            "ai.operationId": "ai.streamText.doStream",
            "ai.response.text": "Let me look.",
            "ai.response.toolCalls": '[{"toolCallId": "c1", "toolName": "find", "input": "{}"}]',
        }
    )

    assert describe(messages_of(event)) == [
        ("output", "assistant", "text", "Let me look."),
        ("output", "assistant", "tool_call", {}),
    ]


@pytest.mark.parametrize("name", ["http_db", "http_db_before"])
def test_http_db__recorded_stable_and_former_names__same_meaning(name: str) -> None:
    events = decode_recorded(name).events

    client = next(event for event in events if event.input and b"items" in event.input)
    server = next(event for event in events if event.parent_span_id == "")
    query = next(event for event in events if event.name == "select")

    assert (client.kind, client.status, client.error_message) == ("http", "error", "HTTP 404")
    assert client.input == b'{"method":"GET","url":"http://127.0.0.1:8977/items/7?expand=all"}'
    assert client.output == b'{"status":404}'
    assert (server.kind, server.input) == ("http", server.input)
    assert server.input is not None
    assert server.input.endswith(b'/orders?limit=2"}')
    assert (query.kind, query.input) == ("db", b'"select id from orders where id=?"')


def test_http_db__long_query__is_moved_out_of_the_attributes() -> None:
    query = "SELECT " + ", ".join(f"column_{number}" for number in range(20))

    event = decode_span({"db.system": "postgresql", "db.query.text": query, "db.response.returned_rows": 3})

    assert event.input == json.dumps(query).encode()
    assert event.output == b'{"rows":3}'
    assert event.attributes is not None
    assert b'"db.query.text":{"$moved":"input"}' in event.attributes


def test_none__no_known_attribute__plain_span() -> None:
    event = decode_span({"my.own": "thing"})

    assert (event.dialect, event.kind, event.input) == (None, "span", None)
