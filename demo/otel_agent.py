"""The triage agent, recorded by the OpenTelemetry SDK over OTLP/HTTP. Run as `python -m demo.otel_agent`.

Spans are announced when they begin and leave a fifth of a second after they end, so a run grows under the viewer's
eyes, and several runs are under way at the same time.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import uuid

import httpx
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link

from demo.catalogue import build_shop
from demo.conversations import Case, list_triage_cases
from demo.lifeline import report, run_agent_process
from demo.options import AgentOptions, Pacer, parse_agent_options
from demo.otel_recorder import AnnouncingProcessor, BaggageProcessor, CallFailedError, Recorder
from demo.triage_workflows import WORKFLOWS

EXPORT_DELAY_MS = 200
EXPORT_SECONDS = 60.0
"""How long one export is retried: a server may be restarted in the meantime."""

logger = logging.getLogger("demo.otel_agent")


def build_providers(options: AgentOptions) -> tuple[TracerProvider, LoggerProvider]:
    """Return providers that export to Playhead: protobuf, gzip, key as a bearer token."""
    resource = Resource.create(
        {
            "service.name": "triage-agent",
            "service.version": "1.4.0",
            "deployment.environment.name": "production",
            "service.instance.id": str(uuid.uuid4()),
        }
    )
    headers = {"Authorization": f"Bearer {options.key}"}
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    traces.add_span_processor(BaggageProcessor())
    spans = OTLPSpanExporter(
        endpoint=f"{options.url}/v1/traces", headers=headers, timeout=EXPORT_SECONDS, compression=Compression.Gzip
    )
    exporting = BatchSpanProcessor(spans, schedule_delay_millis=EXPORT_DELAY_MS)
    traces.add_span_processor(AnnouncingProcessor(exporting))
    traces.add_span_processor(exporting)
    logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
    lines = OTLPLogExporter(
        endpoint=f"{options.url}/v1/logs", headers=headers, timeout=EXPORT_SECONDS, compression=Compression.Gzip
    )
    logs.add_log_record_processor(BatchLogRecordProcessor(lines, schedule_delay_millis=EXPORT_DELAY_MS))
    return traces, logs


async def run_agent(options: AgentOptions) -> None:
    """Work through the cases and flush, also when cancelled."""
    traces, logs = build_providers(options)
    recorder = Recorder(traces=traces, logs=logs, stand_in=options.stand_in, pace=options.pace)
    try:
        await work(options, recorder)
    finally:
        await asyncio.to_thread(traces.shutdown)
        await asyncio.to_thread(logs.shutdown)


async def work(options: AgentOptions, recorder: Recorder) -> None:
    """Start a run whenever one is due; runs go on beside one another."""
    pacer = Pacer(per_minute=options.rate)
    shop = build_shop(options.seed, today=datetime.date.today())
    links: list[Link] = []
    async with asyncio.TaskGroup() as runs:
        for case in options.choose_cases(list_triage_cases(shop, seed=options.seed)):
            await pacer.wait()
            runs.create_task(run_trace(recorder, case, links=links))


async def run_trace(recorder: Recorder, case: Case, *, links: list[Link]) -> None:
    """Record one run. Triage runs link to the newest incident research, whose findings they work with.

    A `ValueError` is a model's answer that is no JSON: the run has failed and says so in its trace.
    """
    user = f"customer-{case.customer.id}"
    wanted = links[-1:] if case.workflow == "ticketTriage" else []
    trace_id = ""
    try:
        with recorder.run(case.workflow, session=f"inbox-{case.customer.id}", user=user, links=wanted) as root:
            context = root.get_span_context()
            trace_id = f"{context.trace_id:032x}"
            await WORKFLOWS[case.workflow](recorder, case, root)
            if case.workflow == "incidentResearch":
                links[:] = [Link(context, {"link.reason": "incident figures"})]
    except (CallFailedError, httpx.HTTPError, ValueError) as error:
        logger.info("a run failed: %r", error)
    report(agent="otel", workflow=case.workflow, trace=trace_id, case=case.number)


if __name__ == "__main__":
    run_agent_process(run_agent(parse_agent_options(__doc__)))
