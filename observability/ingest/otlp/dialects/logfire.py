"""Pydantic Logfire and Pydantic AI (`logfire.*`, `pydantic_ai.*`, and `gen_ai.*` beside them).

Messages are in the GenAI attributes today. Before, Pydantic AI put them into one JSON list `events` (prompts and
choices together), and Logfire's own instrumentation of model clients into `request_data` and `response_data`.
A span of type `log` is a point in time, named by its message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.chat import find_system_text, read_request, read_response, unwrap_json
from observability.ingest.otlp.dialects import gen_ai
from observability.ingest.otlp.dialects.finding import Dialect, Finding, first_key
from observability.ingest.otlp.usage import read_provider_usage
from observability.ingest.records import Kind

if TYPE_CHECKING:
    from observability.ingest.otlp.chat import Message
    from observability.ingest.otlp.wire import Attributes, RawSpan

MARKERS = frozenset({"logfire.msg", "logfire.span_type", "logfire.msg_template"})
PENDING = "pending_span"
EVENTS_KEYS = ("events", "all_messages_events")
CONVERSATION_KEYS = ("pydantic_ai.all_messages",)
TOOL_INPUT_KEYS = (*gen_ai.TOOL_INPUT_KEYS, "tool_arguments")
TOOL_OUTPUT_KEYS = (*gen_ai.TOOL_OUTPUT_KEYS, "tool_response")
CHOICE_EVENT = "gen_ai.choice"


def resolve_pending(span: RawSpan) -> None:
    """Turn Logfire's announcement of a span that has just begun into the running half of that span.

    The announcement is a span of its own: a child of the real one, with its start, whose attribute
    `logfire.pending_parent_id` names the real one's parent (zeros for a root).
    """
    attributes = span.attributes
    if attributes.get("logfire.span_type") != PENDING or not span.parent_span_id:
        return
    parent = attributes.get("logfire.pending_parent_id")
    is_id = isinstance(parent, str) and len(parent) == 16 and parent.strip("0")
    span.span_id = span.parent_span_id
    span.parent_span_id = str(parent).lower() if is_id else ""
    span.end_ns = 0


def read(span: RawSpan) -> Finding:
    """Read a span that Logfire or Pydantic AI made."""
    attributes = span.attributes
    if gen_ai.MARKERS.isdisjoint(attributes):
        return _read_plain(attributes)
    finding = gen_ai.read(span)
    if finding.kind is Kind.TOOL:
        finding.input_key = first_key(attributes, TOOL_INPUT_KEYS)
        finding.output_key = first_key(attributes, TOOL_OUTPUT_KEYS)
    else:
        _read_conversation(attributes, finding)
    raw_usage = attributes.get("gen_ai.usage.raw")
    if raw_usage is not None and finding.kind is Kind.AI:
        _read_raw_usage(raw_usage, finding)
    return finding


def _read_plain(attributes: Attributes) -> Finding:
    if attributes.get("logfire.span_type") == "log":
        return Finding(kind=Kind.EVENT, name=attributes.get("logfire.msg"))
    if "agent_name" in attributes and "model_name" in attributes:
        finding = Finding(kind=Kind.AGENT, agent_name=attributes["agent_name"])
        _read_conversation(attributes, finding)
        return finding
    return Finding()


def _read_conversation(attributes: Attributes, finding: Finding) -> None:
    """Find input and output where the GenAI attributes have none."""
    if finding.input_key is None:
        finding.input_key = first_key(attributes, (*CONVERSATION_KEYS, "request_data"))
    if finding.output_key is None:
        finding.output_key = first_key(attributes, ("final_result", "response_data"))
    key = first_key(attributes, EVENTS_KEYS)
    if key is not None and finding.input is None:
        sent, received = _split_events(attributes[key])
        finding.input = sent or None
        finding.output = received or None
        finding.system_prompt = find_system_text(sent)
    elif finding.input_key == "request_data" and finding.kind is Kind.AI:
        finding.system_prompt = find_system_text(attributes["request_data"])


def _split_events(events: object) -> tuple[list[object], list[object]]:
    """Return the messages a model was given, and its choices."""
    listed = unwrap_json(events)
    if not isinstance(listed, list):
        return [], []
    messages: list[dict[str, object]] = [message for message in listed if isinstance(message, dict)]
    sent: list[object] = [message for message in messages if message.get("event.name") != CHOICE_EVENT]
    return sent, [message for message in messages if message.get("event.name") == CHOICE_EVENT]


def _read_raw_usage(raw_usage: object, finding: Finding) -> None:
    """Prefer the provider's own usage, which has the classes that the GenAI attributes beside it lack."""
    details = unwrap_json(raw_usage)
    if isinstance(details, dict):
        usage, warning = read_provider_usage(details)
        if usage is not None:
            finding.usage, finding.usage_warning = usage, warning


def read_messages(attributes: Attributes, given: object, produced: object) -> list[Message]:
    """Return the messages of a model call or of a whole agent run."""
    if isinstance(given, list) and first_key(attributes, EVENTS_KEYS):
        sent, received = _split_events(given)
        return read_request(sent) + read_response(received or produced)
    if isinstance(produced, dict) and "message" in produced:
        produced = produced["message"]
    return gen_ai.read_instructions(attributes) + read_request(given) + read_response(produced)


DIALECT = Dialect(
    name="logfire",
    read=read,
    read_messages=read_messages,
    keys=gen_ai.KEYS
    | MARKERS
    | {
        *EVENTS_KEYS,
        *CONVERSATION_KEYS,
        *TOOL_INPUT_KEYS,
        *TOOL_OUTPUT_KEYS,
        "logfire.pending_parent_id",
        "logfire.tags",
        "agent_name",
        "model_name",
        "final_result",
        "request_data",
        "response_data",
        "gen_ai.usage.raw",
    },
    prefixes=gen_ai.PREFIXES,
    input_prefixes=(*gen_ai.INPUT_PREFIXES, *EVENTS_KEYS, *CONVERSATION_KEYS, "tool_arguments", "request_data"),
    output_prefixes=(*gen_ai.OUTPUT_PREFIXES, "final_result", "tool_response", "response_data"),
)
