"""Chat messages of every provider and convention, brought to one shape for the page.

Understands, by their form and without being told which it is: OpenAI chat completions and responses, Anthropic
content blocks, Gemini and Bedrock parts, the parts of the GenAI semantic conventions, and those of the AI SDK.
What is not recognised is shown as data, never dropped. Nothing here fails on odd input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import msgspec

from observability.ingest.otlp.media import measure_image
from observability.ingest.text import NotJSONError, decode_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PartType = Literal["text", "reasoning", "tool_call", "tool_result", "image", "audio", "video", "file", "data"]
Side = Literal["input", "output"]

SYSTEM_ROLES = ("system", "developer")
TEXT_TYPES = frozenset({"text", "input_text", "output_text", "summary_text", "refusal"})
REASONING_TYPES = frozenset({"reasoning", "thinking", "redacted_thinking", "reasoning_text"})
CALL_TYPES = frozenset(
    {"tool_call", "tool_use", "tool-call", "function_call", "function", "server_tool_use", "mcp_call"}
)
RESULT_TYPES = frozenset(
    {"tool_result", "tool-result", "tool_call_response", "function_call_output", "web_search_tool_result"}
)
MESSAGE_LIKE_TYPES = CALL_TYPES | RESULT_TYPES | {"message"}
"""Items of a list of messages that have no role: a provider's or client's way to put calls beside messages."""
MEDIA_TYPES: dict[str, PartType] = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "audio": "audio",
    "input_audio": "audio",
    "video": "video",
    "file": "file",
    "input_file": "file",
    "document": "file",
    "blob": "file",
    "uri": "file",
    "media": "file",
}
UNTYPED_MEDIA = ("inline_data", "inlineData", "file_data", "fileData", "image", "document", "video")
DEPTH_LIMIT = 8
"""Messages inside tool results inside messages; deeper content is shown as data."""


class Part(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A piece of a message.

    `text` is what to read; `value` is decoded JSON to unfold (arguments of a call, a structured result, data).
    Media are placeholders: `mime_type`, `size_bytes` of the decoded content, `width` and
    `height` of an image in pixels where it says them, and `url` if it was sent by address.
    """

    type: PartType
    text: str | None = None
    value: object = None
    name: str | None = None
    call_id: str | None = None
    mime_type: str | None = None
    size_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    url: str | None = None


class Message(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One message of a model call; `side` tells what was sent from what came back."""

    side: Side
    role: str
    parts: list[Part]
    name: str | None = None
    finish_reason: str | None = None


def read_request(value: object) -> list[Message]:
    """Return the messages a model was given: a request body, a list of messages, one message or a text."""
    value = unwrap_json(value)
    if isinstance(value, dict):
        return _read_request_object(value)
    return _read_list(value, "input", "user")


def read_response(value: object) -> list[Message]:
    """Return the messages a model answered with: a response body, a list of messages, one message or a text."""
    value = unwrap_json(value)
    if isinstance(value, dict):
        return _read_response_object(value)
    return _read_list(value, "output", "assistant")


def find_system_text(value: object) -> str | None:
    """Return the text of the first system message of a request, the identity of its prompt.

    Looks for the word first: most requests without a system message need not be decoded.
    """
    if (
        isinstance(value, str)
        and '"system"' not in value
        and '"developer"' not in value
        and '"instructions"' not in value
    ):
        return None
    for message in read_request(value):
        if message.role in SYSTEM_ROLES:
            return join_text(message.parts)
    return None


def join_text(parts: Iterable[Part]) -> str | None:
    """Return the text parts, a line apart, or None if there are none."""
    return "\n".join(part.text for part in parts if part.type == "text" and part.text) or None


def unwrap_json(value: object) -> object:
    """Return the JSON inside a text that holds an object or a list; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return decode_json(value)
        except NotJSONError:
            return value
    return value


def read_message(value: object, side: Side, role: str) -> Message | None:
    """Return one message of any convention; `role` is for those that do not say."""
    if isinstance(value, dict):
        is_choice = isinstance(value.get("message"), dict) and value.get("role") is None
        return _read_choice(value, side) if is_choice else _read_message_object(value, side, role)
    parts = read_content(value)
    return Message(side=side, role=role, parts=parts) if parts else None


def read_content(value: object, depth: int = DEPTH_LIMIT) -> list[Part]:
    """Return the parts of a message's content: a text, one part or a list of parts."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [Part(type="text", text=value)]
    if isinstance(value, dict):
        return [read_part(value, depth)]
    if isinstance(value, list) and depth > 0 and any(isinstance(item, (str, dict, list)) for item in value):
        return [part for item in value for part in read_content(item, depth - 1)]
    return [Part(type="data", value=value)]


def read_part(part: Mapping[str, object], depth: int = DEPTH_LIMIT) -> Part:
    """Return one part, by its declared type or, for providers without one, by the names in it."""
    kind = part.get("type") or part.get("kind")
    if not isinstance(kind, str):
        return _read_untyped(part, depth)
    if kind in TEXT_TYPES:
        return Part(type="text", text=_text(part, "text", "content", "refusal"))
    if kind in REASONING_TYPES:
        return _read_reasoning(part)
    if kind in CALL_TYPES:
        return _read_call(part)
    if kind in RESULT_TYPES:
        return _read_result(part)
    if kind in MEDIA_TYPES:
        return _read_media(part, MEDIA_TYPES[kind])
    return Part(type="data", value=part)


def _read_untyped(part: Mapping[str, object], depth: int) -> Part:
    """Read a part of Gemini or Bedrock, which name the type by the key."""
    if isinstance(part.get("text"), str):
        return Part(type="reasoning" if part.get("thought") is True else "text", text=_text(part, "text"))
    for name, read in (
        ("functionCall", _read_call),
        ("function_call", _read_call),
        ("toolUse", _read_call),
        ("functionResponse", _read_result),
        ("function_response", _read_result),
        ("toolResult", _read_result),
    ):
        inner = part.get(name)
        if isinstance(inner, dict):
            return read(inner)
    for name in UNTYPED_MEDIA:
        inner = part.get(name)
        if isinstance(inner, dict) and depth > 0:
            return _read_media(inner, "image" if name == "image" else "file")
    return Part(type="data", value=part)


def _read_reasoning(part: Mapping[str, object]) -> Part:
    text = _text(part, "thinking", "text", "content", "reasoning")
    if text is None:
        inner = part.get("summary") or part.get("content")
        text = join_text(read_content(inner)) if isinstance(inner, list) else None
    return Part(type="reasoning", text=text)


def _read_call(call: Mapping[str, object]) -> Part:
    function = call.get("function")
    source = function if isinstance(function, dict) else call
    arguments = _first(source, "arguments", "input", "args")
    return Part(
        type="tool_call",
        name=_text(source, "name", "toolName", "tool_name"),
        value=unwrap_json(arguments),
        call_id=_text(call, "id", "call_id", "toolCallId", "tool_call_id", "toolUseId"),
    )


def _read_result(result: Mapping[str, object]) -> Part:
    content = unwrap_json(_first(result, "content", "output", "result", "response"))
    if isinstance(content, dict) and set(content) == {"type", "value"}:
        content = content["value"]
    text = join_text(read_content(content)) if isinstance(content, (str, list)) else None
    return Part(
        type="tool_result",
        name=_text(result, "name", "toolName", "tool_name"),
        text=text,
        value=None if text is not None else content,
        call_id=_text(result, "id", "tool_use_id", "tool_call_id", "call_id", "toolCallId", "toolUseId"),
    )


def _read_media(part: Mapping[str, object], type_: PartType) -> Part:
    """Return a placeholder for an image, sound, film or file, whatever its nesting."""
    holder: Mapping[str, object] = part
    for name in ("image_url", "input_audio", "source", "file", "image", "audio", "video"):
        inner = holder.get(name)
        if isinstance(inner, dict):
            holder = inner
        elif isinstance(inner, str):
            holder = {**holder, "data": inner}
    content = _first(holder, "data", "url", "content", "file_data", "uri", "file_uri", "fileUri", "bytes")
    mime_type = _text(holder, "mime_type", "media_type", "mimeType", "mediaType") or _text(
        part, "mime_type", "media_type", "mimeType", "mediaType"
    )
    found = Part(type=type_, mime_type=mime_type, name=_text(holder, "filename", "name"))
    if isinstance(content, str):
        _describe_media(found, content)
    modality = part.get("modality")
    main = found.mime_type.partition("/")[0] if found.mime_type else modality
    if main in ("image", "audio", "video"):
        found.type = main
    return found


def _describe_media(found: Part, content: str) -> None:
    if content.startswith("data:"):
        header, _, encoded = content.partition(",")
        found.mime_type = header[5:].partition(";")[0] or found.mime_type
        _measure(found, encoded)
    elif "://" in content[:12]:
        found.url = content
    else:
        _measure(found, content)


def _measure(found: Part, encoded: str) -> None:
    found.size_bytes = _measure_base64(encoded)
    size = measure_image(encoded) if found.type == "image" or (found.mime_type or "").startswith("image/") else None
    if size:
        found.width, found.height = size


def _measure_base64(encoded: str) -> int:
    return len(encoded) * 3 // 4 - encoded[-2:].count("=")


def _read_message_object(value: Mapping[str, object], side: Side, role: str) -> Message | None:
    if not isinstance(value.get("role"), str) and isinstance(value.get("type"), str) and value.get("type") != "message":
        part = read_part(value)
        return Message(side=side, role="tool" if part.type == "tool_result" else role, parts=[part])
    role = _text(value, "role", "event_role") or role
    parts = []
    reasoning = _text(value, "reasoning_content", "reasoning")
    if reasoning:
        parts.append(Part(type="reasoning", text=reasoning))
    parts += _read_body(value, role)
    for name in ("tool_calls", "toolCalls", "function_call"):
        calls = unwrap_json(value.get(name))
        calls = [calls] if isinstance(calls, dict) else calls
        if isinstance(calls, list):
            parts += [_read_call(call) for call in calls if isinstance(call, dict)]
    if parts and all(part.type == "tool_result" for part in parts):
        role = "tool"
    finish = _text(value, "finish_reason", "finishReason", "stop_reason")
    return Message(side=side, role=role, parts=parts, name=_text(value, "name"), finish_reason=finish)


def _read_body(value: Mapping[str, object], role: str) -> list[Part]:
    """Return the parts of a message's body; that of a tool's message is the result of its call."""
    content = _first(value, "parts", "content", "text")
    if role in ("tool", "function") and not _holds_results(content):
        return [
            _read_result({"content": content, "id": _first(value, "tool_call_id", "id"), "name": value.get("name")})
        ]
    return read_content(unwrap_json(content) if isinstance(content, str) and content[:2] == "[{" else content)


def _holds_results(content: object) -> bool:
    return isinstance(content, list) and any(isinstance(p, dict) and _type_of(p) in RESULT_TYPES for p in content)


def _read_list(value: object, side: Side, role: str) -> list[Message]:
    """Return messages from a list of them, or of parts of one, or of one value."""
    if not isinstance(value, list):
        return _keep([read_message(value, side, role)])
    if value and not any(_is_message(item) for item in value):
        return _keep([Message(side=side, role=role, parts=read_content(value))])
    return _keep([read_message(item, side, role) for item in _flatten(value)])


def _flatten(value: list[object]) -> list[object]:
    """Open lists of lists of messages, as batches of prompts are sent."""
    return [inner for item in value for inner in (item if isinstance(item, list) else [item])]


def _type_of(item: dict[str, object]) -> str:
    """Return the declared type; whatever else a sender puts in its place declares nothing."""
    kind = item.get("type")
    return kind if isinstance(kind, str) else ""


def _is_message(item: object) -> bool:
    if isinstance(item, list):
        return any(_is_message(inner) for inner in item[:3] if not isinstance(inner, list))
    if not isinstance(item, dict):
        return False
    if isinstance(item.get("role"), str) or _type_of(item) in MESSAGE_LIKE_TYPES:
        return True
    return isinstance(item.get("message"), dict) or ("content" in item and "type" not in item)


def _keep(messages: list[Message | None] | list[Message]) -> list[Message]:
    return [message for message in messages if message is not None and message.parts]


def _read_request_object(value: dict[str, object]) -> list[Message]:
    messages: list[Message] = []
    system = _first(value, "system", "instructions", "systemInstruction", "system_instruction")
    if isinstance(system, dict):
        system = _first(system, "parts", "content", "text")
    if parts := read_content(unwrap_json(system)):
        messages.append(Message(side="input", role="system", parts=parts))
    body = _first(value, "messages", "contents", "input", "prompt", "prompts")
    if body is None:
        if messages:
            return messages
        single = value.get("role") is not None or value.get("type") is not None
        return _keep([_read_message_object(value, "input", "user")]) if single else _as_data(value, "input", "user")
    return messages + _read_list(unwrap_json(body), "input", "user")


def _read_response_object(value: dict[str, object]) -> list[Message]:
    for name in ("choices", "candidates", "generations"):
        if isinstance(value.get(name), list):
            return _keep([_read_choice(choice, "output") for choice in cast("list[object]", value[name])])
    for name in ("output", "message", "completion", "text", "response", "output_text"):
        inner = value.get(name)
        if inner and value.get("role") is None:
            return _read_list(inner, "output", "assistant")
    if value.get("role") is not None or value.get("type") is not None or "content" in value:
        message = _read_message_object(value, "output", "assistant")
        return _keep([message])
    return _as_data(value, "output", "assistant")


def _read_choice(choice: object, side: Side) -> Message | None:
    """Return the message inside one of several answers, with its own reason to finish."""
    if not isinstance(choice, dict):
        return read_message(choice, side, "assistant")
    inner = _first(choice, "message", "delta", "content")
    content = inner if inner is not None else choice
    message = (
        _read_message_object(content, side, "assistant")
        if isinstance(content, dict)
        else read_message(content, side, "assistant")
    )
    if message is not None:
        message.finish_reason = _text(choice, "finish_reason", "finishReason") or message.finish_reason
    return message


def _as_data(value: object, side: Side, role: str) -> list[Message]:
    return [Message(side=side, role=role, parts=[Part(type="data", value=value)])] if value else []


def _first(value: Mapping[str, object], *names: str) -> object:
    for name in names:
        found = value.get(name)
        if found is not None:
            return found
    return None


def _text(value: Mapping[str, object], *names: str) -> str | None:
    for name in names:
        found = value.get(name)
        if isinstance(found, str) and found:
            return found
    return None
