"""Messages of SDK events, which name no dialect, and of values that were withheld or damaged."""

from __future__ import annotations

import json

import pytest

from observability.ingest.otlp.dialects import DIALECTS
from observability.ingest.otlp.messages import Message, read_messages
from tests.ingest.otlp.recorded import describe


def _read(given: object, produced: object) -> list[Message]:
    return read_messages(
        None, attributes=None, given=json.dumps(given).encode(), produced=json.dumps(produced).encode()
    )


def test_sdk_event__python_client__messages_and_text() -> None:
    messages = _read(
        {
            "messages": [{"role": "user", "content": "Hi"}],
            "system": "Be brief.",
            "provider": "anthropic",
            "model": "m",
            "llmRequest": {"model": "m"},
        },
        "Hello",
    )

    assert describe(messages) == [
        ("input", "system", "text", "Be brief."),
        ("input", "user", "text", "Hi"),
        ("output", "assistant", "text", "Hello"),
    ]


def test_sdk_event__javascript_client__prompt_and_provider_answer() -> None:
    messages = _read(
        {"url": "https://api", "provider": "openai", "model": "m", "prompt": [{"role": "user", "content": "Hi"}]},
        {"id": "1", "choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]},
    )

    assert describe(messages) == [("input", "user", "text", "Hi"), ("output", "assistant", "text", "Hello")]
    assert messages[-1].finish_reason == "stop"


def test_sdk_event__streamed__completion_is_the_answer() -> None:
    messages = _read({"prompt": "Hi"}, {"streamed": True, "completion": "Hello"})

    assert describe(messages) == [("input", "user", "text", "Hi"), ("output", "assistant", "text", "Hello")]


@pytest.mark.parametrize("dialect", [None, "gone", *DIALECTS])
@pytest.mark.parametrize("content", [None, b"", b"{", b"[1", b"\xff", b"null", b'{"$moved": "input"}', b"[" * 5_000])
def test_messages__values_missing_or_damaged__never_fails(dialect: str | None, content: bytes | None) -> None:
    messages = read_messages(dialect, attributes=content, given=content, produced=content)

    assert all(message.parts for message in messages)
