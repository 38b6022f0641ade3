"""OpenLLMetry and the Traceloop SDK (`traceloop.*`, `llm.*`, and `gen_ai.*` beside them).

Its model calls follow the GenAI conventions today; before, the messages were flattened into
`gen_ai.prompt.0.content` and `gen_ai.completion.0.content`. Prompt counts include the cached ones for every provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.chat import read_request, read_response
from observability.ingest.otlp.dialects import gen_ai
from observability.ingest.otlp.dialects.finding import Dialect, Finding
from observability.ingest.otlp.flat import gather, unflatten
from observability.ingest.records import Kind

if TYPE_CHECKING:
    from observability.ingest.otlp.chat import Message
    from observability.ingest.otlp.wire import Attributes, RawSpan

KINDS = {
    "workflow": Kind.WORKFLOW,
    "task": Kind.NODE,
    "agent": Kind.AGENT,
    "tool": Kind.TOOL,
    "unknown": Kind.SPAN,
}
CALL_TYPES = frozenset({"chat", "completion", "embedding", "rerank", "embeddings"})
MARKERS = frozenset({"traceloop.span.kind", "llm.request.type", "gen_ai.prompt.0.role", "gen_ai.prompt.0.content"})
PROMPT, COMPLETION = "gen_ai.prompt", "gen_ai.completion"
INPUT_KEY, OUTPUT_KEY = "traceloop.entity.input", "traceloop.entity.output"


def read(span: RawSpan) -> Finding:
    """Read a span of a decorated function, or of a model call in the flattened form."""
    attributes = span.attributes
    kind = attributes.get("traceloop.span.kind")
    if kind is not None:
        return _read_entity(attributes, KINDS.get(str(kind).lower(), Kind.SPAN))
    finding = gen_ai.read(span)
    if str(attributes.get("llm.request.type")) in CALL_TYPES and finding.kind is Kind.SPAN:
        finding.kind = Kind.AI
    _read_flattened(attributes, finding)
    gen_ai.read_model_call(attributes, finding)
    finding.is_streamed = finding.is_streamed or attributes.get("llm.is_streaming") is True
    finding.prompt_name = finding.prompt_name or attributes.get("traceloop.prompt.key")
    finding.prompt_version = finding.prompt_version or attributes.get("traceloop.prompt.version")
    return finding


def _read_entity(attributes: Attributes, kind: Kind) -> Finding:
    finding = Finding(kind=kind)
    name = attributes.get("traceloop.entity.name")
    if kind is Kind.TOOL:
        finding.tool_name = attributes.get("gen_ai.tool.name") or name
    elif kind is Kind.AGENT:
        finding.agent_name = attributes.get("gen_ai.agent.name") or name
    if INPUT_KEY in attributes:
        finding.input_key = INPUT_KEY
    if OUTPUT_KEY in attributes:
        finding.output_key = OUTPUT_KEY
    return finding


def _read_flattened(attributes: Attributes, finding: Finding) -> None:
    if finding.input_key is None:
        finding.input_prefix = PROMPT
        if attributes.get("gen_ai.prompt.0.role") in ("system", "developer"):
            finding.system_prompt = attributes.get("gen_ai.prompt.0.content")
    if finding.output_key is None:
        finding.output_prefix = COMPLETION


def read_messages(attributes: Attributes, given: object, produced: object) -> list[Message]:
    """Return the messages, from the flattened attributes where there are any."""
    sent = unflatten(gather(attributes, PROMPT)) or given
    received = unflatten(gather(attributes, COMPLETION)) or produced
    return gen_ai.read_instructions(attributes) + read_request(sent) + read_response(received)


DIALECT = Dialect(
    name="openllmetry",
    read=read,
    read_messages=read_messages,
    keys=gen_ai.KEYS
    | {
        "traceloop.span.kind",
        "traceloop.entity.name",
        INPUT_KEY,
        OUTPUT_KEY,
        "traceloop.prompt.key",
        "traceloop.prompt.version",
        "llm.request.type",
        "llm.is_streaming",
        "llm.usage.total_tokens",
    },
    prefixes=(*gen_ai.PREFIXES, "gen_ai.prompt.", "gen_ai.completion."),
    input_prefixes=(*gen_ai.INPUT_PREFIXES, INPUT_KEY),
    output_prefixes=(*gen_ai.OUTPUT_PREFIXES, OUTPUT_KEY),
)
