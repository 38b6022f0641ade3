"""Messages of every provider, brought to one shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.otlp.chat import find_system_text, read_request, read_response
from tests.ingest.otlp.recorded import describe

CALL_ARGUMENTS = {"city": "Paris"}

REQUESTS = {
    "openai chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "w", "arguments": '{"city": "Paris"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
    },
    "openai responses": {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
            {"type": "function_call", "call_id": "c1", "name": "w", "arguments": '{"city": "Paris"}'},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        ],
    },
    "anthropic": {
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "w", "input": CALL_ARGUMENTS}]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "sunny"}]}
                ],
            },
        ],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Weather?"}]},
            {"role": "assistant", "parts": [{"functionCall": {"id": "c1", "name": "w", "args": CALL_ARGUMENTS}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "w", "response": "sunny"}}]},
        ],
    },
    "bedrock": {
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "Weather?"}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "w", "input": CALL_ARGUMENTS}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "sunny"}]}}]},
        ],
    },
    "conventions": [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "w", "arguments": CALL_ARGUMENTS}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "result": "sunny"}]},
    ],
    "ai sdk": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "w", "input": CALL_ARGUMENTS}],
            },
            {
                "role": "tool",
                "content": [
                    {
                        "type": "tool-result",
                        "toolCallId": "c1",
                        "toolName": "w",
                        "output": {"type": "text", "value": "sunny"},
                    }
                ],
            },
        ]
    },
}

RESPONSES = {
    "openai chat": {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Sunny."}, "finish_reason": "stop"}]
    },
    "openai completion": {"choices": [{"text": "Sunny.", "finish_reason": "stop"}]},
    "openai responses": {
        "object": "response",
        "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sunny."}]},
        ],
    },
    "anthropic": {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Sunny."}]},
    "gemini": {
        "candidates": [{"content": {"role": "assistant", "parts": [{"text": "Sunny."}]}, "finishReason": "STOP"}]
    },
    "ollama": {"model": "m", "message": {"role": "assistant", "content": "Sunny."}, "done": True},
    "streamed": {"streamed": True, "completion": "Sunny."},
    "text": "Sunny.",
    "json text": '{"role": "assistant", "content": "Sunny."}',
    "messages": [{"role": "assistant", "content": "Sunny."}],
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["role", "content", "parts", "type", "text", "messages", "input", "system", "tool_calls", "function",
             "image", "image_url", "data", "url", "message", "choices", "candidates", "output", "result", "prompt"]
        ),
        inner | st.sampled_from(["text", "tool", "tool_call", "tool_result", "image", "thinking", "message"]),
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@pytest.mark.parametrize("provider", REQUESTS)
def test_request__each_provider__same_messages(provider: str) -> None:
    messages = read_request(REQUESTS[provider])

    assert describe(messages) == [
        ("input", "system", "text", "Be brief."),
        ("input", "user", "text", "Weather?"),
        ("input", messages[2].role, "tool_call", CALL_ARGUMENTS),
        ("input", "tool", "tool_result", "sunny"),
    ]
    assert {part.call_id for message in messages[2:] for part in message.parts} == {"c1"}
    assert messages[2].parts[0].name == "w"


@pytest.mark.parametrize("provider", RESPONSES)
def test_response__each_provider__same_answer(provider: str) -> None:
    assert describe(read_response(RESPONSES[provider])) == [("output", "assistant", "text", "Sunny.")]


@pytest.mark.parametrize("provider", [name for name in REQUESTS if name != "openai responses"])
def test_system_text__each_provider__found(provider: str) -> None:
    assert find_system_text(REQUESTS[provider]) == "Be brief."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Weather?", [("input", "user", "text", "Weather?")]),
        (["one", "two"], [("input", "user", "text", "one"), ("input", "user", "text", "two")]),
        ({"prompt": "Weather?"}, [("input", "user", "text", "Weather?")]),
        ({"url": "https://x", "prompt": [{"role": "user", "content": "Hi"}]}, [("input", "user", "text", "Hi")]),
        ([[{"role": "user", "content": "Hi"}]], [("input", "user", "text", "Hi")]),
        ({"anything": 1}, [("input", "user", "data", {"anything": 1})]),
        ([0.1, 0.2], [("input", "user", "data", [0.1, 0.2])]),
        (None, []),
        ("", []),
        ({}, []),
        ([], []),
    ],
)
def test_request__simple_forms__are_read(value: object, expected: list[object]) -> None:
    assert describe(read_request(value)) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "image_url", "image_url": {"url": "https://x/y.png"}}, ("image", None, None, "https://x/y.png")),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, ("image", "image/png", 3, None)),
        ({"type": "input_image", "image_url": "data:image/png;base64,AAA="}, ("image", "image/png", 2, None)),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
            ("image", "image/jpeg", 3, None),
        ),
        ({"type": "image", "image": "AAAA", "mimeType": "image/gif"}, ("image", "image/gif", 3, None)),
        ({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}, ("audio", "audio/wav", 3, None)),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, ("audio", None, 3, None)),
        ({"type": "blob", "mime_type": "image/png", "content": "AAAA"}, ("image", "image/png", 3, None)),
        ({"type": "uri", "modality": "image", "uri": "gs://b/x"}, ("image", None, None, "gs://b/x")),
        ({"type": "file", "mediaType": "application/pdf", "data": "AAAA"}, ("file", "application/pdf", 3, None)),
        ({"type": "document", "source": {"type": "url", "url": "https://x/y"}}, ("file", None, None, "https://x/y")),
    ],
)
def test_media__each_form__placeholder_without_content(part: dict[str, object], expected: tuple[object, ...]) -> None:
    found = read_request([{"role": "user", "content": [part]}])[0].parts[0]

    assert (found.type, found.mime_type, found.size_bytes, found.url) == expected
    assert found.text is None
    assert found.value is None


@pytest.mark.parametrize(
    "part",
    [
        {"type": "thinking", "thinking": "Hmm."},
        {"type": "reasoning", "text": "Hmm."},
        {"type": "reasoning", "content": "Hmm."},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hmm."}]},
        {"text": "Hmm.", "thought": True},
    ],
)
def test_reasoning__each_form__is_told_from_text(part: dict[str, object]) -> None:
    assert describe(read_response([{"role": "assistant", "content": [part]}])) == [
        ("output", "assistant", "reasoning", "Hmm.")
    ]


@given(json_values)
def test_any_value__request_or_response__never_fails(value: object) -> None:
    messages = read_request(value) + read_response(value)

    assert all(message.parts for message in messages)
