"""How to send the first trace, per SDK, with this installation's address and the project's own key filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse

from observability.models import Role
from observability.selectors.access import ProjectAccess
from observability.selectors.keys import find_sending_key

_SECRET = "SECRET"  # noqa: S105 - what the reader replaces


@dataclass(frozen=True, slots=True)
class Part:
    """A step of a guide: what to do, and the text to copy."""

    says: str
    code: str


@dataclass(frozen=True, slots=True)
class Guide:
    """One way to send."""

    key: str
    title: str
    parts: tuple[Part, ...]


def make_quickstart_context(access: ProjectAccess, *, key_text: str = "") -> dict[str, Any]:
    """Return what the quickstart partial shows. `key_text` is a key made this moment, the only time it is whole."""
    project = access.project
    key = find_sending_key(project.pk)
    public_id = key.public_id if key else ""
    shown = key_text or (f"{public_id}.{_SECRET}" if public_id else "YOUR_KEY")
    slugs = [project.organization.slug, project.slug]
    return {
        "quickstarts": list_guides(endpoint=settings.PUBLIC_URL.rstrip("/"), key=shown),
        "quickstart_public_id": public_id,
        "quickstart_key_is_full": bool(key_text),
        "may_make_keys": access.may(Role.ADMIN),
        "keys_url": reverse("observability:settings-keys", args=slugs),
    }


def list_guides(*, endpoint: str, key: str) -> list[Guide]:
    """Return the guides in the order of their tabs."""
    return [
        Guide("elasticdash", "ElasticDash SDK", _elasticdash(endpoint, key)),
        Guide("opentelemetry", "OpenTelemetry", _opentelemetry(endpoint, key)),
        Guide("openinference", "OpenInference, OpenLLMetry", _openinference(endpoint, key)),
        Guide("curl", "curl", _curl(endpoint, key)),
    ]


def _elasticdash(endpoint: str, key: str) -> tuple[Part, ...]:
    return (
        Part("Install the client with its observability extra.", 'pip install "elasticdash-sdk[observability]"'),
        Part(
            "Run this as it is: one workflow that calls one tool. Model calls over httpx are recorded by themselves.",
            f'''import asyncio

from elasticdash_sdk import ed_tool
from elasticdash_sdk.observability import (
    ObservabilityOptions, end_trace, init_observability, start_trace
)


@ed_tool
def look_up_order(order: str) -> dict:
    return {{"order": order, "state": "shipped"}}


async def main() -> None:
    handle = await init_observability(ObservabilityOptions(
        server_url="{endpoint}",
        api_key="{key}",
    ))
    start_trace("firstWorkflow")
    look_up_order("A-1001")
    end_trace()
    await handle.shutdown()


asyncio.run(main())''',
        ),
    )


def _opentelemetry(endpoint: str, key: str) -> tuple[Part, ...]:
    return (
        Part(
            "An application that is instrumented already needs only these variables.",
            f"""export OTEL_EXPORTER_OTLP_ENDPOINT="{endpoint}"
export OTEL_EXPORTER_OTLP_HEADERS="api-key={key}"
export OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf\"""",
        ),
        Part(
            "Or start with one span: pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http",
            f'''from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

exporter = OTLPSpanExporter(
    "{endpoint}/v1/traces",
    headers={{"api-key": "{key}"}},
)
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)

with trace.get_tracer("quickstart").start_as_current_span("first-workflow") as span:
    span.set_attribute("gen_ai.operation.name", "invoke_agent")
provider.shutdown()''',
        ),
    )


def _openinference(endpoint: str, key: str) -> tuple[Part, ...]:
    return (
        Part(
            "OpenInference, here for the OpenAI client: pip install openinference-instrumentation-openai openai "
            "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http. Run this with your OPENAI_API_KEY.",
            _instrumented(endpoint, key, "openinference.instrumentation.openai"),
        ),
        Part(
            "OpenLLMetry differs by one import: pip install opentelemetry-instrumentation-openai instead of the first.",
            _instrumented(endpoint, key, "opentelemetry.instrumentation.openai"),
        ),
        Part(
            "Programs that start OpenLLMetry by traceloop-sdk need only its two variables.",
            f"""export TRACELOOP_BASE_URL="{endpoint}"
export TRACELOOP_HEADERS="api-key={key}\"""",
        ),
    )


def _instrumented(endpoint: str, key: str, library: str) -> str:
    return f'''from openai import OpenAI
from {library} import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

exporter = OTLPSpanExporter(
    "{endpoint}/v1/traces",
    headers={{"api-key": "{key}"}},
)
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(exporter))
OpenAIInstrumentor().instrument(tracer_provider=provider)

answer = OpenAI().chat.completions.create(
    model="gpt-4o-mini",
    messages=[{{"role": "user", "content": "Where is my order?"}}],
)
print(answer.choices[0].message.content)
provider.shutdown()'''


def _curl(endpoint: str, key: str) -> tuple[Part, ...]:
    return (
        Part(
            "One workflow with one model call, no client at all.",
            f"""now=$(date +%s)000
curl -sS {endpoint}/api/observability/events \\
  -H 'api-key: {key}' -H 'content-type: application/json' \\
  -d '{{"sessionId": "quickstart", "events": [
    {{"id": 1, "type": "workflow", "name": "firstWorkflow", "timestamp": '$now', "durationMs": 1200,
     "traceId": "firstWorkflow::'$now'::00000001"}},
    {{"id": 2, "type": "ai", "name": "gpt-4o-mini", "timestamp": '$now', "durationMs": 900,
     "input": {{"messages": [{{"role": "user", "content": "Hello"}}], "model": "gpt-4o-mini", "provider": "openai"}},
     "output": "Hi, how can I help?", "usage": {{"inputTokens": 9, "outputTokens": 7}},
     "traceId": "firstWorkflow::'$now'::00000001"}}]}}'""",
        ),
    )
