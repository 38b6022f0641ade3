"""The messages of a stored model call, read when a page shows them. They are never stored a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.chat import Message, Part, read_content, read_request, read_response, unwrap_json
from observability.ingest.otlp.dialects import DIALECTS
from observability.ingest.otlp.dialects.finding import first_value
from observability.ingest.otlp.dialects.gen_ai import DETAILS_EVENT, INPUT_KEYS, MESSAGE_ROLES, OUTPUT_KEYS
from observability.ingest.otlp.moved import restore_attributes
from observability.ingest.text import NotJSONError, decode_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Message", "Part", "read_messages", "read_record_messages"]


def read_messages(
    dialect: str | None, *, attributes: bytes | None, given: bytes | None, produced: bytes | None
) -> list[Message]:
    """Return the messages of an event from its stored values: `given` is its input, `produced` its output.

    `dialect` is the event's; None for SDK events, whose input is the client's request and whose output is the
    provider's answer, a text, or `{"streamed": true, "completion": text}` (contract `sdk-rerun.md` B1.3).
    Never raises: what is not recognised comes back as a part of type `data`, what is missing as no message.
    """
    sent, received = _decode(given), _decode(produced)
    known = DIALECTS.get(dialect) if dialect else None
    if known is None:
        return read_request(sent) + read_response(received)
    return known.read_messages(restore_attributes(attributes, given=given, produced=produced), sent, received)


def read_record_messages(records: Iterable[tuple[str | None, Mapping[str, object]]]) -> list[Message]:
    """Return the messages that an instrumentation sent as log records of a model call, in their order.

    Each record is its type (`gen_ai.user.message`, `gen_ai.choice`, ...) and its decoded `fields`. For events that
    `read_messages` finds nothing in: some instrumentations keep messages out of spans.
    """
    messages: list[Message] = []
    for type_, fields in records:
        body = fields.get("body")
        content = body if isinstance(body, dict) else fields
        if type_ in MESSAGE_ROLES:
            messages += read_request([{"role": MESSAGE_ROLES[type_], **content}])
        elif type_ == "gen_ai.choice":
            messages += read_response({"choices": [content]})
        elif type_ == DETAILS_EVENT:
            system = read_content(unwrap_json(fields.get("gen_ai.system_instructions")))
            messages += [Message(side="input", role="system", parts=system)] if system else []
            messages += read_request(first_value(fields, INPUT_KEYS)) + read_response(first_value(fields, OUTPUT_KEYS))
    return messages


def _decode(content: bytes | None) -> object:
    if content is None:
        return None
    try:
        return decode_json(content)
    except NotJSONError:
        return content.decode(errors="replace")
