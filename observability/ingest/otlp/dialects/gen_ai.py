"""Spans after the OpenTelemetry GenAI semantic conventions (`gen_ai.*`), in the three forms they have had.

- now: `gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.system_instructions` as attributes, or the same on
  one span event `gen_ai.client.inference.operation.details`;
- before: one span event a message (`gen_ai.user.message`, `gen_ai.choice`, ...);
- at first: span events `gen_ai.content.prompt` and `gen_ai.content.completion`.

The conventions say that input tokens include the cached ones; `usage.py` notices senders that do otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.chat import (
    Message,
    find_system_text,
    join_text,
    read_content,
    read_request,
    read_response,
    unwrap_json,
)
from observability.ingest.otlp.dialects.finding import Dialect, Finding, first_key, first_value
from observability.ingest.otlp.usage import Counts, read_usage
from observability.ingest.records import Kind

if TYPE_CHECKING:
    from observability.ingest.otlp.wire import Attributes, Point, RawSpan

KINDS = {
    "chat": Kind.AI,
    "text_completion": Kind.AI,
    "generate_content": Kind.AI,
    "completion": Kind.AI,
    "embeddings": Kind.AI,
    "execute_tool": Kind.TOOL,
    "retrieval": Kind.TOOL,
    "invoke_agent": Kind.AGENT,
    "create_agent": Kind.AGENT,
    "invoke_workflow": Kind.WORKFLOW,
}
INPUT_KEYS = ("gen_ai.input.messages", "gen_ai.prompt")
OUTPUT_KEYS = ("gen_ai.output.messages", "gen_ai.completion")
TOOL_INPUT_KEYS = ("gen_ai.tool.call.arguments", "gen_ai.retrieval.query.text")
TOOL_OUTPUT_KEYS = ("gen_ai.tool.call.result", "gen_ai.retrieval.documents")
MODEL_KEYS = ("gen_ai.response.model", "gen_ai.request.model")
PROVIDER_KEYS = ("gen_ai.provider.name", "gen_ai.system")
REQUEST = "gen_ai.request."
MESSAGE_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
STREAM_KEYS = ("gen_ai.is_streaming", "gen_ai.request.stream")
COST_KEYS = ("gen_ai.usage.cost", "gen_ai.usage.total_cost", "operation.cost")
CACHED_KEYS = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "gen_ai.usage.details.cached_tokens",
)
CACHE_WRITE_KEYS = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.details.cache_write_tokens",
)
REASONING_KEYS = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.details.reasoning_tokens",
)
COUNT_KEYS = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "gen_ai.usage.total_tokens",
)
MARKERS = frozenset(
    {
        "gen_ai.operation.name",
        "gen_ai.system",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.tool.name",
        "gen_ai.agent.name",
    }
)
DETAILS_EVENT = "gen_ai.client.inference.operation.details"


def read(span: RawSpan) -> Finding:
    """Read a span with `gen_ai.*` attributes."""
    attributes = span.attributes
    finding = Finding(kind=_read_kind(attributes), agent_name=attributes.get("gen_ai.agent.name"))
    if finding.kind is Kind.TOOL:
        finding.tool_name = attributes.get("gen_ai.tool.name")
        finding.input_key = first_key(attributes, TOOL_INPUT_KEYS)
        finding.output_key = first_key(attributes, TOOL_OUTPUT_KEYS)
        return finding
    finding.input_key = first_key(attributes, INPUT_KEYS)
    finding.output_key = first_key(attributes, OUTPUT_KEYS)
    if span.points:
        _read_points(span.points, finding)
    if finding.kind is Kind.AI:
        read_model_call(attributes, finding)
        finding.system_prompt = _read_system_prompt(attributes, finding)
        finding.is_streamed = any(attributes.get(key) is True for key in STREAM_KEYS)
    return finding


def read_model_call(attributes: Attributes, finding: Finding) -> None:
    """Fill what the finding of any dialect lacks of a model call from the `gen_ai.*` names."""
    if finding.model is None:
        finding.model = first_value(attributes, MODEL_KEYS)
    if finding.provider is None:
        finding.provider = first_value(attributes, PROVIDER_KEYS)
    if finding.usage is None:
        finding.usage, finding.usage_warning = read_usage(_read_counts(attributes))
    if finding.parameters is None:
        finding.parameters = read_parameters(attributes, REQUEST)
    if finding.prompt_name is None and "gen_ai.prompt.name" in attributes:
        finding.prompt_name = attributes["gen_ai.prompt.name"]
        finding.prompt_version = attributes.get("gen_ai.prompt.version")
    if finding.cost_usd is None:
        finding.cost_usd = first_value(attributes, COST_KEYS)


def read_parameters(attributes: Attributes, prefix: str) -> dict[str, object] | None:
    """Return the request parameters under a prefix, by their names without it; the model is not one of them."""
    size = len(prefix)
    found = {key[size:]: value for key, value in attributes.items() if key.startswith(prefix)}
    found.pop("model", None)
    return found or None


def _read_kind(attributes: Attributes) -> Kind:
    """Return the kind by the operation, or for senders without one by what is there."""
    operation = attributes.get("gen_ai.operation.name")
    if isinstance(operation, str) and operation in KINDS:
        return KINDS[operation]
    if "gen_ai.tool.name" in attributes or "gen_ai.tool.call.id" in attributes:
        return Kind.TOOL
    if first_key(attributes, MODEL_KEYS):
        return Kind.AI
    return Kind.AGENT if "gen_ai.agent.name" in attributes else Kind.SPAN


def _read_counts(attributes: Attributes) -> Counts:
    return Counts(
        input=first_value(attributes, COUNT_KEYS[:2]),
        output=first_value(attributes, COUNT_KEYS[2:4]),
        total=first_value(attributes, (COUNT_KEYS[4], "llm.usage.total_tokens")),
        cached=first_value(attributes, CACHED_KEYS),
        cache_write=first_value(attributes, CACHE_WRITE_KEYS),
        reasoning=first_value(attributes, REASONING_KEYS),
        audio_in=attributes.get("gen_ai.usage.details.input_audio_tokens"),
        audio_out=attributes.get("gen_ai.usage.details.output_audio_tokens"),
    )


def _read_system_prompt(attributes: Attributes, finding: Finding) -> str | None:
    instructions = attributes.get("gen_ai.system_instructions")
    if instructions is not None:
        return join_text(read_content(unwrap_json(instructions)))
    messages = attributes.get(finding.input_key) if finding.input_key else finding.input
    return find_system_text(messages) if messages else None


def _read_points(points: list[Point], finding: Finding) -> None:
    """Take the messages from span events where the attributes have none."""
    sent: list[object] = []
    received: list[object] = []
    for point in points:
        attributes = point.attributes
        if point.name in MESSAGE_ROLES:
            sent.append({"role": MESSAGE_ROLES[point.name], **_drop_system(attributes)})
        elif point.name == "gen_ai.choice":
            received.append(_drop_system(attributes))
        elif point.name == "gen_ai.content.prompt":
            sent.append(unwrap_json(attributes.get("gen_ai.prompt")))
        elif point.name == "gen_ai.content.completion":
            received.append(unwrap_json(attributes.get("gen_ai.completion")))
        elif point.name == DETAILS_EVENT:
            sent.append(unwrap_json(first_value(attributes, INPUT_KEYS)))
            received.append(unwrap_json(first_value(attributes, OUTPUT_KEYS)))
    if finding.input_key is None:
        finding.input = _unnest(sent)
    if finding.output_key is None:
        finding.output = _unnest(received)


def _drop_system(attributes: Attributes) -> dict[str, object]:
    """Return a message event's attributes as a message; values that hold JSON are opened."""
    return {key: unwrap_json(value) for key, value in attributes.items() if not key.startswith("gen_ai.")}


def _unnest(values: list[object]) -> object:
    found = [value for value in values if value is not None]
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found or None


def read_instructions(attributes: Attributes) -> list[Message]:
    """Return the system message, which travels apart from the others."""
    parts = read_content(unwrap_json(attributes.get("gen_ai.system_instructions")))
    return [Message(side="input", role="system", parts=parts)] if parts else []


def read_messages(attributes: Attributes, given: object, produced: object) -> list[Message]:
    """Return the messages of a model call or agent."""
    return read_instructions(attributes) + read_request(given) + read_response(produced)


KEYS = (
    MARKERS
    | {*INPUT_KEYS, *OUTPUT_KEYS, *TOOL_INPUT_KEYS, *TOOL_OUTPUT_KEYS, *COUNT_KEYS, *CACHED_KEYS, *CACHE_WRITE_KEYS}
    | {*REASONING_KEYS, *STREAM_KEYS, *COST_KEYS}
    | {"gen_ai.system_instructions", "gen_ai.prompt.name", "gen_ai.prompt.version", "gen_ai.tool.call.id", "error.type"}
    | {"gen_ai.usage.details.input_audio_tokens", "gen_ai.usage.details.output_audio_tokens"}
)
PREFIXES = (REQUEST,)
INPUT_PREFIXES = (*INPUT_KEYS, *TOOL_INPUT_KEYS, "gen_ai.system_instructions")
OUTPUT_PREFIXES = (*OUTPUT_KEYS, *TOOL_OUTPUT_KEYS)

DIALECT = Dialect(
    name="gen_ai",
    read=read,
    read_messages=read_messages,
    keys=KEYS,
    prefixes=PREFIXES,
    input_prefixes=INPUT_PREFIXES,
    output_prefixes=OUTPUT_PREFIXES,
)
