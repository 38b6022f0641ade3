"""Chat completions as an OpenAI-compatible endpoint answers them: one object, or a stream of server-sent events.

Tokens are counted by a rule of thumb (four bytes of UTF-8 a token), which is stable and near enough. Of a prompt
that was sent before, the part ahead of the last message counts as cached, in steps of 128 tokens as providers do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from demo.replies import Message, Reply, choose_reply

CACHE_STEP = 128
WORDS_IN_CHUNK = 4
CREATED = 1_760_000_000
"""Stated as the creation time of every completion: the same request gives the same answer to the byte."""


@dataclass(frozen=True)
class Completion:
    """One answered request."""

    id: str
    model: str
    reply: Reply
    usage: dict[str, Any]


def complete_chat(request: dict[str, Any]) -> Completion:
    """Answer a chat request. Raises `KeyError`, `TypeError` or `ValueError` when it is not one."""
    messages: list[Message] = [dict(message) for message in request["messages"]]
    tools = request.get("tools") or []
    reply = choose_reply(messages, tools=tools)
    digest = hashlib.sha256(_dump(request).encode()).hexdigest()
    return Completion(
        id=f"chatcmpl-{digest[:24]}",
        model=str(request["model"]),
        reply=reply,
        usage=count_usage(messages, tools=tools, reply=reply),
    )


def count_usage(messages: list[Message], *, tools: list[Any], reply: Reply) -> dict[str, Any]:
    """Return the usage object: prompt with its cached part, completion, total."""
    sizes = [count_tokens(_dump(message)) for message in messages]
    prompt = sum(sizes) + (count_tokens(_dump(tools)) if tools else 0)
    is_continued = any(message.get("role") == "assistant" for message in messages)
    cached = sum(sizes[:-1]) // CACHE_STEP * CACHE_STEP if is_continued else 0
    completion = count_tokens((reply.text or "") + _dump(reply.tool_calls))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def count_tokens(text: str) -> int:
    return len(text.encode()) // 4 + 1


def render_completion(completion: Completion) -> dict[str, Any]:
    """Return the body of an answer that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": completion.reply.text, "refusal": None}
    if completion.reply.tool_calls:
        message["tool_calls"] = render_tool_calls(completion)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(completion.reply)}
    return {**_envelope(completion, kind="chat.completion"), "choices": [choice], "usage": completion.usage}


def render_tool_calls(completion: Completion) -> list[dict[str, Any]]:
    """Return the tool calls of an answer, with ids that follow from its content."""
    return [
        {
            "id": f"call_{completion.id[-12:]}{index}",
            "type": "function",
            "function": {"name": name, "arguments": _dump(arguments)},
        }
        for index, (name, arguments) in enumerate(completion.reply.tool_calls)
    ]


def render_stream(completion: Completion, *, includes_usage: bool) -> Iterator[bytes]:
    """Yield the answer as server-sent events: role, a few words at a time, finish, usage when asked for, `[DONE]`."""
    envelope = _envelope(completion, kind="chat.completion.chunk")
    for delta, finish in _list_deltas(completion):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        yield _event({**envelope, "choices": [choice], **({"usage": None} if includes_usage else {})})
    if includes_usage:
        yield _event({**envelope, "choices": [], "usage": completion.usage})
    yield b"data: [DONE]\n\n"


def _list_deltas(completion: Completion) -> Iterator[tuple[dict[str, Any], str | None]]:
    yield {"role": "assistant", "content": "" if completion.reply.text else None}, None
    for piece in split_words(completion.reply.text or ""):
        yield {"content": piece}, None
    for index, call in enumerate(render_tool_calls(completion)):
        yield {"tool_calls": [{"index": index, **call}]}, None
    yield {}, _finish_reason(completion.reply)


def split_words(text: str) -> Iterator[str]:
    """Yield the text a few words at a time; joined, the pieces are the text."""
    words = text.split(" ")
    for start in range(0, len(words), WORDS_IN_CHUNK):
        piece = " ".join(words[start : start + WORDS_IN_CHUNK])
        yield piece if start + WORDS_IN_CHUNK >= len(words) else f"{piece} "


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.tool_calls else "stop"


def _envelope(completion: Completion, *, kind: str) -> dict[str, Any]:
    return {
        "id": completion.id,
        "object": kind,
        "created": CREATED,
        "model": completion.model,
        "system_fingerprint": "fp_kestrel",
        "service_tier": "default",
    }


def _event(body: dict[str, Any]) -> bytes:
    return f"data: {_dump(body)}\n\n".encode()


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
