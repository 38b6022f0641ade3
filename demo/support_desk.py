"""The support-desk agent, recorded by the unmodified elasticdash client. Run as `python -m demo.support_desk`.

One process is one SDK session: version 0.1.4 of the client cannot be initialised a second time in a process (its
HTTP interceptor then calls itself for ever). The runner therefore replaces the process from time to time, which is
also how a real desk's worker processes come and go.

A message of a chat is one trace; the conversation goes on in the next trace of the same session.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import time
import uuid
from typing import Any

import httpx
from elasticdash_sdk.capture.event import WorkflowEvent
from elasticdash_sdk.interceptors.telemetry_push import get_observability_context, push_telemetry_event
from elasticdash_sdk.observability import (
    ObservabilityHandle,
    ObservabilityOptions,
    end_trace,
    init_observability,
    start_trace,
)

from demo.catalogue import Shop, build_shop
from demo.conversations import Case, list_desk_cases
from demo.desk_reruns import DeskReruns, describe_input
from demo.desk_workflows import WORKFLOWS, Desk, ModelUnavailableError
from demo.lifeline import report, run_agent_process
from demo.options import AgentOptions, Pacer, parse_agent_options
from demo.replies import Message

BATCH_INTERVAL_MS = 500
SHUTDOWN_SECONDS = 8.0
SENDING = {"TelemetryBatcher.flush", "TelemetryBatcher._send"}
"""What the client runs in tasks of its own at the end of a trace and does not wait for when shut down."""

logger = logging.getLogger("demo.support_desk")


async def run_desk(options: AgentOptions) -> None:
    """Work through the cases and flush, also when cancelled."""
    session_id = f"support-desk-{uuid.uuid4()}"
    handle = await init_observability(
        ObservabilityOptions(
            server_url=options.url,
            api_key=options.key,
            session_id=session_id,
            branch="main",
            batch_interval_ms=BATCH_INTERVAL_MS,
        )
    )
    desk = Desk(stand_in=options.stand_in, pace=options.pace)
    shop = build_shop(options.seed, today=datetime.date.today())
    reruns = DeskReruns(desk, shop, options, session_id=session_id)
    try:
        await work(options, desk, shop, reruns, session_id=session_id)
    finally:
        await reruns.finish()
        await shut_down(handle)


async def work(options: AgentOptions, desk: Desk, shop: Shop, reruns: DeskReruns, *, session_id: str) -> None:
    """Do one case after the other: the client has one current trace in a process."""
    pacer = Pacer(per_minute=options.rate)
    for case in options.choose_cases(list_desk_cases(shop, seed=options.seed)):
        history: list[Message] = []
        for text in case.turns:
            await reruns.attach()
            await pacer.wait()
            await run_trace(desk, case, text=text, history=history, session_id=session_id)
        report(case=case.number)


async def run_trace(desk: Desk, case: Case, *, text: str, history: list[Message], session_id: str) -> None:
    """Record one turn as a trace; a failed turn is logged and the desk goes on."""
    given = describe_input(case, text, history)
    began = time.monotonic()
    start_trace(case.workflow)
    context = get_observability_context()
    trace_id = context.trace_id
    opening = dict(context.batcher._buffer[-1])
    output: Any = None
    try:
        output = await WORKFLOWS[case.workflow](desk, case, text=text, history=history)
    except (httpx.HTTPError, ModelUnavailableError) as error:
        logger.info("a run failed: %r", error)
        output = {"error": repr(error)}
    finally:
        close_workflow(opening, given=given, output=output, lasted_ms=(time.monotonic() - began) * 1000)
        end_trace()
    report(agent="sdk", workflow=case.workflow, trace=trace_id, session=session_id)


def close_workflow(opening: dict[str, Any], *, given: Any, output: Any, lasted_ms: float) -> None:
    """Say what a run was given and what came of it: the second half of the workflow event that `start_trace` sent.

    The client sends that without either. The same number, type and time make it the same event.
    """
    push_telemetry_event(
        WorkflowEvent(
            id=opening["id"],
            type="workflow",
            name=opening["name"],
            input=given,
            output=output,
            # The middle of its millisecond, so that the client's conversion gives the same again.
            timestamp=(opening["timestamp"] + 0.5) / 1000,
            duration_ms=lasted_ms,
            trace_id=opening["traceId"],
        )
    )


async def shut_down(handle: ObservabilityHandle) -> None:
    """Let the client finish sending, then close its session; give up on a server that does not answer."""
    batcher = get_observability_context().batcher
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SHUTDOWN_SECONDS):
            await wait_for_sends()
            await batcher.flush()
            report(unsent=len(batcher._buffer))
            await handle.shutdown()


async def wait_for_sends() -> None:
    """Return when the client has no request under way.

    Its flush loop sends every `BATCH_INTERVAL_MS` and would lose a batch if cancelled in the middle of a request, so
    one more interval passes first.
    """
    await asyncio.sleep(2 * BATCH_INTERVAL_MS / 1000)
    sends = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "") in SENDING]
    await asyncio.gather(*sends, return_exceptions=True)


if __name__ == "__main__":
    run_agent_process(run_desk(parse_agent_options(__doc__)))
