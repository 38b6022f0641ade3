"""The AI SDK of Vercel, versions 4 to 6 (`ai.*`, and some `gen_ai.*` beside them).

`ai.generateText` and its siblings are the whole run with its tool loop (an agent here); `ai.generateText.doGenerate`
is one model call. Only the latter carries usage, since the outer span repeats the sum. Versions 4 and 5 have the
cached and reasoning tokens in `ai.response.providerMetadata`, where Anthropic's are beside the input count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.chat import find_system_text, read_request, read_response, unwrap_json
from observability.ingest.otlp.dialects.finding import Dialect, Finding, first_key, first_value
from observability.ingest.otlp.dialects.gen_ai import read_parameters
from observability.ingest.otlp.usage import Counts, read_usage
from observability.ingest.records import Kind

if TYPE_CHECKING:
    from observability.ingest.otlp.chat import Message
    from observability.ingest.otlp.wire import Attributes, RawSpan

MARKER = "ai.operationId"
CALLS = frozenset({"doGenerate", "doStream", "doEmbed", "doRerank"})
RUNS = frozenset({"ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject"})
INPUT_KEYS = ("ai.prompt.messages", "ai.prompt", "ai.values", "ai.value")
OUTPUT_KEYS = ("ai.response.text", "ai.response.object", "ai.response.toolCalls", "ai.embeddings", "ai.embedding")
SETTINGS = "ai.settings."
USAGE_KEYS = frozenset(
    {
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "ai.usage.totalTokens",
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
    }
)


def read(span: RawSpan) -> Finding:
    """Read a span of the AI SDK."""
    attributes = span.attributes
    operation = str(attributes[MARKER])
    if operation == "ai.toolCall":
        return Finding(
            kind=Kind.TOOL,
            tool_name=attributes.get("ai.toolCall.name"),
            input_key="ai.toolCall.args",
            output_key="ai.toolCall.result",
        )
    finding = Finding(
        input_key=first_key(attributes, INPUT_KEYS),
        output_key=first_key(attributes, OUTPUT_KEYS),
        is_streamed=operation.startswith("ai.stream"),
    )
    if operation.rpartition(".")[2] in CALLS:
        finding.kind = Kind.AI
        _read_model_call(attributes, finding)
    elif operation in RUNS:
        finding.kind = Kind.AGENT
        finding.agent_name = attributes.get("ai.telemetry.functionId")
    else:
        finding.kind = Kind.NODE
    return finding


def _read_model_call(attributes: Attributes, finding: Finding) -> None:
    finding.model = first_value(attributes, ("ai.response.model", "ai.model.id"))
    provider = first_value(attributes, ("ai.model.provider", "gen_ai.system"))
    finding.provider = provider.partition(".")[0] if isinstance(provider, str) else None
    finding.parameters = read_parameters(attributes, SETTINGS)
    finding.system_prompt = find_system_text(attributes.get("ai.prompt.messages"))
    finding.usage, finding.usage_warning = read_usage(_read_counts(attributes))


def _read_counts(attributes: Attributes) -> Counts:
    metadata = _read_metadata(attributes)
    return Counts(
        input=first_value(attributes, ("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens")),
        output=first_value(attributes, ("ai.usage.outputTokens", "ai.usage.completionTokens")),
        total=attributes.get("ai.usage.totalTokens"),
        cached=first_value(attributes, ("ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"))
        or first_value(metadata, ("cachedPromptTokens", "cacheReadInputTokens")),
        cache_write=attributes.get("ai.usage.inputTokenDetails.cacheWriteTokens")
        or metadata.get("cacheCreationInputTokens"),
        reasoning=first_value(attributes, ("ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"))
        or metadata.get("reasoningTokens"),
        is_input_inclusive="ai.usage.inputTokenDetails.cacheReadTokens" in attributes
        or "cacheReadInputTokens" not in metadata,
    )


def _read_metadata(attributes: Attributes) -> dict[str, object]:
    """Return what the provider added, out of its object by the provider's name."""
    metadata = unwrap_json(attributes.get("ai.response.providerMetadata"))
    if not isinstance(metadata, dict):
        return {}
    return next((inner for inner in metadata.values() if isinstance(inner, dict)), {})


def read_messages(attributes: Attributes, given: object, produced: object) -> list[Message]:
    """Return the messages of a call or run; a model's text and tool calls come in attributes of their own."""
    calls = unwrap_json(attributes.get("ai.response.toolCalls"))
    if not isinstance(calls, list) or not calls:
        return read_request(given) + read_response(produced)
    text = attributes.get("ai.response.text")
    content: list[object] = [{"type": "text", "text": text}] if isinstance(text, str) and text else []
    content += [{**call, "type": "tool-call"} for call in calls if isinstance(call, dict)]
    return read_request(given) + read_response([{"role": "assistant", "content": content}])


DIALECT = Dialect(
    name="vercel_ai",
    read=read,
    read_messages=read_messages,
    keys=frozenset(
        {
            MARKER,
            *INPUT_KEYS,
            *OUTPUT_KEYS,
            *USAGE_KEYS,
            "ai.response.model",
            "ai.response.providerMetadata",
            "ai.model.id",
            "ai.model.provider",
            "ai.telemetry.functionId",
            "ai.toolCall.name",
            "ai.toolCall.args",
            "ai.toolCall.result",
            "gen_ai.system",
        }
    ),
    prefixes=(SETTINGS,),
    input_prefixes=("ai.prompt", "ai.value", "ai.toolCall.args"),
    output_prefixes=(*OUTPUT_KEYS, "ai.toolCall.result"),
)
