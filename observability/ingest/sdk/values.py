"""What an event's values say about it: its error, its model, its system prompt.

Everything here is a reading, never a condition: a value of an unexpected shape says nothing and is stored all the
same. The shapes are those of contract `sdk-rerun.md` B1.3.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from msgspec import Raw

from observability.ingest.sdk.fields import Fields, is_null, read_fields, read_loose_text, read_number
from observability.ingest.text import clean_message, clean_name, decode_json, hash_prompt

_items_decoder = msgspec.json.Decoder(list[Raw])
_SYSTEM_ROLES = frozenset(("system", "developer"))
_RESPONSE = "__elasticdashResponse"


class ErrorFacts(msgspec.Struct, frozen=True):
    """How a step failed."""

    message: str | None
    type: str | None = None
    stack: str | None = None


class ModelFacts(msgspec.Struct, frozen=True):
    """Which model was called, and the identity of its system prompt."""

    model: str | None = None
    provider: str | None = None
    prompt_hash: str | None = None


def find_error(output: bytes | None) -> ErrorFacts | None:
    """Return the error that an output reports: `{"error": ...}`, as both clients and most providers write it.

    Beside other members only an error in words or as an object counts: `{"error": false, ...}` is a result. Alone,
    anything but nothing does.
    """
    if output is None or not output.startswith(b"{") or b'"error"' not in output:
        return None
    fields = read_fields(output)
    if not fields or "error" not in fields:
        return None
    error = decode_json(bytes(fields["error"]))
    if not error or (len(fields) > 1 and not isinstance(error, (str, dict))):
        return None
    text = bytes(fields["error"]).decode()
    if isinstance(error, dict):
        return _describe_error(error, text=text)
    return ErrorFacts(clean_message(error if isinstance(error, str) else text))


def _describe_error(error: dict[str, object], *, text: str) -> ErrorFacts:
    kind = next((error[key] for key in ("type", "code", "name") if error.get(key)), None)
    return ErrorFacts(
        message=clean_message(error.get("message")) or clean_message(text),
        type=clean_name(kind),
        stack=stack if isinstance(stack := error.get("stack"), str) else None,
    )


def find_http_error(given: bytes | None, output: bytes | None) -> ErrorFacts | None:
    """Return the failure of an http call: a status of 400 or more, or the error that kept it from having one.

    A response's body may hold a `status` or an `error` of its own, which is the far end's business: the status comes
    from the response the JavaScript client attaches to the input, or from the `{"status": n}` that is all the Python
    client writes.
    """
    fields = read_fields(given)
    response = read_fields(fields.get(_RESPONSE)) if fields else None
    if response is None:
        response = read_fields(output)
        if response is None or response.keys() != {"status"}:
            return find_error(output)
    status = read_loose_int(response, "status")
    if status is None or status < 400:
        return None
    words = read_loose_text(response, "statusText") or _find_phrase(status)
    return ErrorFacts(clean_message(f"HTTP {status} {words}".strip()), type=str(status))


def _find_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def find_model(given: bytes | None, *, name: str) -> ModelFacts:
    """Return the model facts of an `ai` event from its input; the event's name is the model's in every client."""
    request = _find_request(given)
    model = read_loose_text(request, "model") or _find_nested_model(request) or name
    prompt = _find_system_prompt(request, given)
    return ModelFacts(
        model=clean_name(model) if model != "unknown" else None,
        provider=clean_name(read_loose_text(request, "provider")),
        prompt_hash=hash_prompt(prompt) if prompt else None,
    )


def has_request(given: bytes | None) -> bool:
    """Tell whether an input is the record that the Python client's interceptor makes of a request."""
    fields = read_fields(given)
    return fields is not None and "llmRequest" in fields


def _find_request(given: bytes | None) -> Fields | None:
    """Return the members of the request; a wrapped call with both kinds of arguments has it in `kwargs`."""
    fields = read_fields(given)
    if fields and fields.keys() == {"args", "kwargs"}:
        return read_fields(fields["kwargs"])
    return fields


def _find_nested_model(request: Fields | None) -> str | None:
    return read_loose_text(read_fields(request.get("llmRequest")), "model") if request else None


def _find_system_prompt(request: Fields | None, given: bytes | None) -> str | None:
    """Return the text of `system` or `instructions`, else of the first system message."""
    if request is None:
        return _find_system_message(given)
    for key in ("system", "instructions"):
        if key in request and (text := _join_text(request[key])):
            return text
    messages = request.get("messages") or request.get("input")
    return _find_system_message(messages) if messages is not None else None


def _find_system_message(messages: Raw | bytes | None) -> str | None:
    for item in _read_items(messages):
        message = read_fields(item)
        if message and read_loose_text(message, "role") in _SYSTEM_ROLES and "content" in message:
            return _join_text(message["content"])
    return None


def _join_text(content: Raw) -> str | None:
    """Return a text, or the joined texts of content blocks."""
    if bytes(memoryview(content)[:1]) == b'"':
        return read_loose_text({"": content}, "")
    blocks = (read_loose_text(read_fields(item), "text") for item in _read_items(content))
    return "\n".join(text for text in blocks if text) or None


def _read_items(raw: Raw | bytes | None) -> list[Raw]:
    if raw is None:
        return []
    try:
        return _items_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []


def read_loose_int(fields: Fields, key: str) -> int | None:
    """Return a whole number, or None for everything else."""
    if key not in fields or is_null(fields[key]):
        return None
    try:
        number = read_number(fields, key)
    except ValueError:
        return None
    return int(number) if number is not None and number == int(number) else None
