"""GenAI semantic conventions, in the forms that the recordings do not show."""

from __future__ import annotations

import json

import pytest

from observability.ingest.otlp import decode_logs
from observability.ingest.otlp.messages import read_record_messages
from observability.ingest.text import hash_prompt
from tests.ingest.otlp.recorded import (
    PROTOBUF,
    decode_span,
    describe,
    load_protobuf,
    make_attributes,
    messages_of,
)

CHAT: dict[str, object] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


def _point(name: str, attributes: dict[str, object]) -> dict[str, object]:
    return {"name": name, "attributes": make_attributes(attributes)}


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"gen_ai.operation.name": "chat"}, "ai"),
        ({"gen_ai.operation.name": "text_completion"}, "ai"),
        ({"gen_ai.operation.name": "embeddings"}, "ai"),
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"gen_ai.operation.name": "invoke_agent"}, "agent"),
        ({"gen_ai.operation.name": "invoke_workflow"}, "workflow"),
        ({"gen_ai.operation.name": "new_thing", "gen_ai.request.model": "m"}, "ai"),
        ({"gen_ai.tool.name": "search"}, "tool"),
        ({"gen_ai.agent.name": "helper"}, "agent"),
        ({"gen_ai.system": "openai"}, "span"),
    ],
)
def test_kind__by_operation__or_by_what_is_there(attributes: dict[str, object], kind: str) -> None:
    event = decode_span(attributes)

    assert (event.dialect, event.kind) == ("gen_ai", kind)


def test_messages__one_span_event_each__input_and_output_are_put_together() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}

    event = decode_span(
        CHAT,
        events=[
            _point("gen_ai.system.message", {"gen_ai.system": "openai", "content": "Be brief."}),
            _point("gen_ai.user.message", {"gen_ai.system": "openai", "content": "Weather?"}),
            _point(
                "gen_ai.choice",
                {"index": 0, "finish_reason": "tool_calls", "message": json.dumps({"tool_calls": [call]})},
            ),
        ],
    )

    assert event.input == b'[{"role":"system","content":"Be brief."},{"role":"user","content":"Weather?"}]'
    assert event.prompt_hash == hash_prompt("Be brief.")
    assert describe(messages_of(event)) == [
        ("input", "system", "text", "Be brief."),
        ("input", "user", "text", "Weather?"),
        ("output", "assistant", "tool_call", {"city": "Paris"}),
    ]
    assert messages_of(event)[-1].finish_reason == "tool_calls"


def test_messages__content_events_of_the_first_version__are_read() -> None:
    event = decode_span(
        CHAT,
        events=[
            _point("gen_ai.content.prompt", {"gen_ai.prompt": '[{"role": "user", "content": "Hi"}]'}),
            _point("gen_ai.content.completion", {"gen_ai.completion": '[{"role": "assistant", "content": "Hello"}]'}),
        ],
    )

    assert event.input == b'[{"role":"user","content":"Hi"}]'
    assert describe(messages_of(event)) == [
        ("input", "user", "text", "Hi"),
        ("output", "assistant", "text", "Hello"),
    ]


def test_messages__details_event_with_structured_values__are_read() -> None:
    user = {"role": "user", "parts": [{"type": "text", "content": "Hi"}]}
    answer = {"role": "assistant", "parts": [{"type": "text", "content": "Hello"}], "finish_reason": "stop"}

    event = decode_span(
        CHAT,
        events=[
            _point(
                "gen_ai.client.inference.operation.details",
                {"gen_ai.input.messages": [user], "gen_ai.output.messages": [answer]},
            )
        ],
    )

    assert describe(messages_of(event)) == [
        ("input", "user", "text", "Hi"),
        ("output", "assistant", "text", "Hello"),
    ]


def test_messages__structured_attributes__are_moved_as_json() -> None:
    parts = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]

    event = decode_span(CHAT | {"gen_ai.input.messages": parts})

    assert event.input == b'[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]'
    assert event.attributes is not None
    assert b'"gen_ai.input.messages":{"$moved":"input"}' in event.attributes


def test_messages__sent_as_log_records__are_read_from_those() -> None:
    logs = decode_logs(load_protobuf("gen_ai_log_records.logs"), PROTOBUF).logs
    first_call = [log for log in logs if log.span_id == logs[0].span_id]

    messages = read_record_messages((log.type, json.loads(log.fields or b"{}")) for log in first_call)

    assert describe(messages) == [
        ("input", "system", "text", "You are a weather bot."),
        ("input", "user", "text", "What is the weather in Paris?"),
        ("output", "assistant", "tool_call", {"city": "Paris"}),
    ]


def test_instructions__apart_from_the_messages__come_first_and_identify_the_prompt() -> None:
    event = decode_span(
        CHAT
        | {
            "gen_ai.system_instructions": '[{"type": "text", "content": "One."}, {"type": "text", "content": "Two."}]',
            "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]',
        }
    )

    assert event.prompt_hash == hash_prompt("One.\nTwo.")
    assert [part for _, role, _, part in describe(messages_of(event)) if role == "system"] == ["One.", "Two."]


def test_call__request_attributes__are_parameters() -> None:
    event = decode_span(
        CHAT
        | {
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.stop_sequences": ["END"],
            "gen_ai.is_streaming": True,
            "gen_ai.prompt.name": "weather",
            "gen_ai.prompt.version": 3,
            "gen_ai.usage.cost": 0.0021,
        }
    )

    assert event.extra is not None
    assert json.loads(event.extra) == {
        "parameters": {"temperature": 0.5, "stop_sequences": ["END"]},
        "streamed": True,
    }
    assert (event.prompt_name, event.prompt_version, event.cost_micros) == ("weather", "3", 2_100)


def test_provider__in_capitals__is_in_small_letters() -> None:
    assert decode_span(CHAT | {"gen_ai.system": "OpenAI"}).provider == "openai"


def test_usage__does_not_add_up__warning_in_extra() -> None:
    event = decode_span(
        CHAT | {"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1, "gen_ai.usage.total_tokens": 9}
    )

    assert event.extra is not None
    assert "do not add up" in json.loads(event.extra)["usage_warning"]
