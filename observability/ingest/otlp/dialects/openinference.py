"""OpenInference spans (`openinference.span.kind`, `llm.*`, `input.value`, `output.value`).

Source: the OpenInference semantic conventions. Lists are flattened into keys with numbers in them, such as
`llm.input_messages.0.message.role`. Prompt counts include their details, whatever the provider says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.dialects.finding import Dialect, Finding, first_value
from observability.ingest.otlp.usage import Counts, read_usage
from observability.ingest.records import Kind

if TYPE_CHECKING:
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
SYSTEM_ROLES = ("system", "developer")
FIRST_MESSAGE = "llm.input_messages.0.message."


def read(span: RawSpan) -> Finding:
    """Read an OpenInference span."""
    attributes = span.attributes
    kind = KINDS.get(str(attributes["openinference.span.kind"]).upper(), Kind.SPAN)
    if kind is Kind.NODE and not span.parent_span_id:
        kind = Kind.WORKFLOW
    finding = Finding(
        kind=kind,
        agent_name=attributes.get("agent.name"),
        tags=attributes.get("tag.tags"),
    )
    if "input.value" in attributes:
        finding.input_key = "input.value"
        finding.is_input_text = attributes.get("input.mime_type") == "text/plain"
    if "output.value" in attributes:
        finding.output_key = "output.value"
        finding.is_output_text = attributes.get("output.mime_type") == "text/plain"
    if kind is Kind.AI:
        _read_model_call(attributes, finding)
    elif kind is Kind.TOOL:
        finding.tool_name = attributes.get("tool.name")
    return finding


def _read_model_call(attributes: Attributes, finding: Finding) -> None:
    finding.model = first_value(attributes, MODEL_KEYS)
    finding.provider = first_value(attributes, ("llm.provider", "llm.system"))
    finding.parameters = first_value(attributes, ("llm.invocation_parameters", "embedding.invocation_parameters"))
    finding.cost_usd = attributes.get("llm.cost.total")
    finding.prompt_name = first_value(attributes, ("prompt.name", "prompt.id"))
    finding.prompt_version = attributes.get("llm.prompt_template.version")
    if attributes.get(FIRST_MESSAGE + "role") in SYSTEM_ROLES:
        finding.system_prompt = first_value(
            attributes, (FIRST_MESSAGE + "content", FIRST_MESSAGE + "contents.0.message_content.text")
        )
    finding.usage, finding.usage_warning = read_usage(
        Counts(
            input=attributes.get("llm.token_count.prompt"),
            output=attributes.get("llm.token_count.completion"),
            total=attributes.get("llm.token_count.total"),
            cached=attributes.get("llm.token_count.prompt_details.cache_read"),
            cache_write=attributes.get("llm.token_count.prompt_details.cache_write"),
            reasoning=attributes.get("llm.token_count.completion_details.reasoning"),
            audio_in=attributes.get("llm.token_count.prompt_details.audio"),
            audio_out=attributes.get("llm.token_count.completion_details.audio"),
        )
    )


DIALECT = Dialect(
    name="openinference",
    read=read,
    keys=frozenset({"metadata", "tag.tags", "agent.name", "prompt.id", "prompt.name", "prompt.vendor", "prompt.url"}),
    prefixes=(
        "openinference.",
        "llm.",
        "input.",
        "output.",
        "tool.",
        "embedding.",
        "reranker.",
        "retrieval.",
        "graph.node.",
        "message.",
    ),
    input_prefixes=(
        "input.",
        "llm.input_messages.",
        "llm.prompts",
        "embedding.embeddings.",
        "reranker.input_documents.",
    ),
    output_prefixes=(
        "output.",
        "llm.output_messages.",
        "llm.choices",
        "retrieval.documents.",
        "reranker.output_documents.",
    ),
)
