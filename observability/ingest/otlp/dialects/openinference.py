"""OpenInference spans (`openinference.span.kind`, `llm.*`, `input.value`, `output.value`).

Source: the OpenInference semantic conventions. Lists are flattened into keys with numbers in them, such as
`llm.input_messages.0.message.role`. Prompt counts include their details, whatever the provider says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.chat import read_request, read_response, unwrap_json
from observability.ingest.otlp.dialects.finding import Dialect, Finding, first_value
from observability.ingest.otlp.flat import gather, unflatten
from observability.ingest.otlp.usage import Counts, read_usage
from observability.ingest.records import Kind

if TYPE_CHECKING:
    from observability.ingest.otlp.chat import Message
    from observability.ingest.otlp.wire import Attributes, RawSpan

KINDS = {
    "LLM": Kind.AI,
    "EMBEDDING": Kind.AI,
    "RERANKER": Kind.AI,
    "AGENT": Kind.AGENT,
    "TOOL": Kind.TOOL,
    "RETRIEVER": Kind.TOOL,
    "CHAIN": Kind.NODE,
    "GUARDRAIL": Kind.NODE,
    "EVALUATOR": Kind.NODE,
    "PROMPT": Kind.NODE,
    "DECISION": Kind.NODE,
}
MODEL_KEYS = (
    "llm.response.model_name",
    "llm.model_name",
    "llm.request.model_name",
    "embedding.model_name",
    "reranker.model_name",
)
PARAMETER_KEYS = ("llm.invocation_parameters", "embedding.invocation_parameters")
COUNT_KEYS = {
    "input": "llm.token_count.prompt",
    "output": "llm.token_count.completion",
    "total": "llm.token_count.total",
    "cached": "llm.token_count.prompt_details.cache_read",
    "cache_write": "llm.token_count.prompt_details.cache_write",
    "reasoning": "llm.token_count.completion_details.reasoning",
    "audio_in": "llm.token_count.prompt_details.audio",
    "audio_out": "llm.token_count.completion_details.audio",
}
WRAPPERS = frozenset({"message", "message_content", "tool_call", "image", "audio", "video", "document"})
SYSTEM_ROLES = ("system", "developer")
FIRST_MESSAGE = "llm.input_messages.0.message."


def read(span: RawSpan) -> Finding:
    """Read an OpenInference span."""
    attributes = span.attributes
    kind = KINDS.get(str(attributes["openinference.span.kind"]).upper(), Kind.SPAN)
    if kind is Kind.NODE and not span.parent_span_id:
        kind = Kind.WORKFLOW
    finding = Finding(kind=kind)
    if "input.value" in attributes:
        finding.input_key = "input.value"
        finding.is_input_text = attributes.get("input.mime_type") == "text/plain"
    else:
        finding.input_prefix = "llm.input_messages"
    if "output.value" in attributes:
        finding.output_key = "output.value"
        finding.is_output_text = attributes.get("output.mime_type") == "text/plain"
    else:
        finding.output_prefix = "llm.output_messages"
    if kind is Kind.AI:
        _read_model_call(attributes, finding)
    elif kind is Kind.TOOL:
        finding.tool_name = attributes.get("tool.name")
    return finding


def _read_model_call(attributes: Attributes, finding: Finding) -> None:
    finding.model = first_value(attributes, MODEL_KEYS)
    finding.provider = first_value(attributes, ("llm.provider", "llm.system"))
    finding.parameters = first_value(attributes, PARAMETER_KEYS)
    if finding.model is None:
        finding.model = _find_requested_model(finding.parameters)
    finding.cost_usd = attributes.get("llm.cost.total")
    finding.prompt_name = first_value(attributes, ("prompt.name", "prompt.id"))
    finding.prompt_version = attributes.get("llm.prompt_template.version")
    if attributes.get(FIRST_MESSAGE + "role") in SYSTEM_ROLES:
        finding.system_prompt = first_value(
            attributes, (FIRST_MESSAGE + "content", FIRST_MESSAGE + "contents.0.message_content.text")
        )
    finding.usage, finding.usage_warning = read_usage(
        Counts(
            input=attributes.get(COUNT_KEYS["input"]),
            output=attributes.get(COUNT_KEYS["output"]),
            total=attributes.get(COUNT_KEYS["total"]),
            cached=attributes.get(COUNT_KEYS["cached"]),
            cache_write=attributes.get(COUNT_KEYS["cache_write"]),
            reasoning=attributes.get(COUNT_KEYS["reasoning"]),
            audio_in=attributes.get(COUNT_KEYS["audio_in"]),
            audio_out=attributes.get(COUNT_KEYS["audio_out"]),
        )
    )


def _find_requested_model(parameters: object) -> object:
    """Return the model that a call asked for; one that failed has no other."""
    asked = unwrap_json(parameters)
    return asked.get("model") if isinstance(asked, dict) else None


def read_messages(attributes: Attributes, given: object, produced: object) -> list[Message]:
    """Return the messages, from the flattened attributes where there are any, else from input and output."""
    sent = unwrap_names(unflatten(gather(attributes, "llm.input_messages")))
    received = unwrap_names(unflatten(gather(attributes, "llm.output_messages")))
    answers = read_response(received or produced)
    finish_reason = attributes.get("llm.finish_reason")
    if len(answers) == 1 and isinstance(finish_reason, str):
        answers[0].finish_reason = finish_reason
    return read_request(sent or given) + answers


def unwrap_names(value: object) -> object:
    """Return nested messages without the layer of names that OpenInference puts around each object."""
    if isinstance(value, list):
        return [unwrap_names(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        name, inner = next(iter(value.items()))
        if name in WRAPPERS and isinstance(inner, dict):
            return unwrap_names(inner)
    found = {key: unwrap_names(inner) for key, inner in value.items()}
    if "contents" in found:
        found.setdefault("content", found.pop("contents"))
    return found


KEYS = frozenset(
    {
        "openinference.span.kind",
        "input.value",
        "input.mime_type",
        "output.value",
        "output.mime_type",
        *MODEL_KEYS,
        *PARAMETER_KEYS,
        *COUNT_KEYS.values(),
        "llm.provider",
        "llm.system",
        "llm.cost.total",
        "llm.finish_reason",
        "llm.prompt_template.version",
        "prompt.id",
        "prompt.name",
        "tool.name",
    }
)

DIALECT = Dialect(
    name="openinference",
    read=read,
    read_messages=read_messages,
    keys=KEYS,
    prefixes=("llm.input_messages.", "llm.output_messages."),
    input_prefixes=("input.", "llm.input_messages", "llm.prompts", "embedding.embeddings", "reranker.input_documents"),
    output_prefixes=(
        "output.",
        "llm.output_messages",
        "llm.choices",
        "retrieval.documents",
        "reranker.output_documents",
    ),
)
