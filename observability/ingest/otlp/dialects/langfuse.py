"""Langfuse SDKs from version 3 on (`langfuse.observation.*`, `langfuse.trace.*`), which send OTLP.

Structured values travel as JSON text. Usage is either a provider's own usage object or Langfuse's classes, which
exclude one another. The level ERROR marks a failure although the span's status may not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.chat import find_system_text, read_request, read_response, unwrap_json
from observability.ingest.otlp.dialects.finding import Dialect, Finding
from observability.ingest.otlp.usage import as_micros, read_provider_usage
from observability.ingest.records import Kind

if TYPE_CHECKING:
    from observability.ingest.otlp.chat import Message
    from observability.ingest.otlp.wire import Attributes, RawSpan

KINDS = {
    "generation": Kind.AI,
    "embedding": Kind.AI,
    "agent": Kind.AGENT,
    "tool": Kind.TOOL,
    "retriever": Kind.TOOL,
    "chain": Kind.NODE,
    "evaluator": Kind.NODE,
    "guardrail": Kind.NODE,
    "event": Kind.EVENT,
    "span": Kind.SPAN,
}
OBSERVATION = "langfuse.observation."
INPUT_KEY, OUTPUT_KEY = OBSERVATION + "input", OBSERVATION + "output"
TRACE_INPUT_KEY, TRACE_OUTPUT_KEY = "langfuse.trace.input", "langfuse.trace.output"
MARKERS = frozenset({OBSERVATION + "type", INPUT_KEY, OUTPUT_KEY, OBSERVATION + "model.name"})


def read(span: RawSpan) -> Finding:
    """Read a Langfuse observation."""
    attributes = span.attributes
    kind = KINDS.get(str(attributes.get(OBSERVATION + "type")).lower(), Kind.SPAN)
    if kind is Kind.NODE and not span.parent_span_id:
        kind = Kind.WORKFLOW
    finding = Finding(
        kind=kind,
        input_key=INPUT_KEY if INPUT_KEY in attributes else TRACE_INPUT_KEY,
        output_key=OUTPUT_KEY if OUTPUT_KEY in attributes else TRACE_OUTPUT_KEY,
        is_error=attributes.get(OBSERVATION + "level") == "ERROR",
        error_message=attributes.get(OBSERVATION + "status_message"),
    )
    if kind is Kind.AI:
        _read_model_call(attributes, finding)
    elif kind is Kind.AGENT:
        finding.agent_name = span.name
    return finding


def _read_model_call(attributes: Attributes, finding: Finding) -> None:
    finding.model = attributes.get(OBSERVATION + "model.name")
    finding.parameters = attributes.get(OBSERVATION + "model.parameters")
    finding.prompt_name = attributes.get(OBSERVATION + "prompt.name")
    finding.prompt_version = attributes.get(OBSERVATION + "prompt.version")
    finding.system_prompt = find_system_text(attributes.get(INPUT_KEY))
    details = unwrap_json(attributes.get(OBSERVATION + "usage_details"))
    if isinstance(details, dict):
        finding.usage, finding.usage_warning = read_provider_usage(details)
    finding.cost_usd = _read_cost(unwrap_json(attributes.get(OBSERVATION + "cost_details")))


def _read_cost(details: object) -> object:
    """Return the stated total, or the sum of the classes. Summed in millionths, not as binary floats."""
    if not isinstance(details, dict):
        return None
    if details.get("total") is not None:
        return details["total"]
    micros = [as_micros(amount) for amount in details.values()]
    known = [amount for amount in micros if amount is not None]
    return f"{sum(known)}e-6" if known else None


def read_messages(_attributes: Attributes, given: object, produced: object) -> list[Message]:
    """Return the messages of an observation: whatever the model's client took and gave."""
    return read_request(given) + read_response(produced)


DIALECT = Dialect(
    name="langfuse",
    read=read,
    read_messages=read_messages,
    keys=frozenset(
        {
            *MARKERS,
            TRACE_INPUT_KEY,
            TRACE_OUTPUT_KEY,
            OBSERVATION + "level",
            OBSERVATION + "status_message",
            OBSERVATION + "model.parameters",
            OBSERVATION + "prompt.name",
            OBSERVATION + "prompt.version",
            OBSERVATION + "usage_details",
            OBSERVATION + "cost_details",
        }
    ),
    input_prefixes=(INPUT_KEY, TRACE_INPUT_KEY),
    output_prefixes=(OUTPUT_KEY, TRACE_OUTPUT_KEY),
)
