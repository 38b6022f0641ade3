"""The desk runs again what Playhead asks for: a workflow with recorded answers, a tool, a model call.

Version 0.1.4 of the elasticdash client runs tools again by itself. Workflows it leaves to the application: only that
knows how to begin one. So this is what an application adds, with the client's own run context, and nothing of it is
recorded as the desk's work: what a run does for real is sent with the run's id.

- `trigger` of mode `workflow`: fetch the run config, run, send the run's events, post the result.
- `trigger` of mode `step`: the client's own executor for tools, a model call here; what cannot be run again is said.
- `portal:task`: the same for one call, answered over the socket.

The client looks up its executor by name at each trigger, which is where this steps in.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import time
import urllib.request
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from elasticdash_sdk import portal_executor, socket_connector, trigger_executor
from elasticdash_sdk.capture.event import WorkflowEvent
from elasticdash_sdk.interceptors import telemetry_push
from elasticdash_sdk.telemetry_batcher import _event_to_dict
from elasticdash_sdk.tool_registry import get_registered_tool, get_registered_tools

from demo.catalogue import CUSTOMERS, Shop
from demo.conversations import Case
from demo.desk_workflows import WORKFLOWS, Desk
from demo.options import AgentOptions
from demo.replay import AiMocks, RunNumbers

API = "/api/observability"
RUN_SECONDS = 90.0
FINISH_SECONDS = 5.0
NOT_RUN_AGAIN = "The desk runs tools, model calls and workflows again, and no {} call by itself."

Signal = dict[str, Any]
_execute_tools = trigger_executor.execute_trigger


class RunSink:
    """Stands in for the client's batcher while something runs again: keeps what really happened."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def enqueue(self, event: WorkflowEvent) -> None:
        """Keep an event."""
        self.events.append(_event_to_dict(event))


class DeskReruns:
    """Takes what the socket brings, one thing after the other."""

    def __init__(self, desk: Desk, shop: Shop, options: AgentOptions, *, session_id: str) -> None:
        self.desk = desk
        self.shop = shop
        self.options = options
        self.session_id = session_id
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._seen: set[int] = set()
        self._announced: str | None = None
        trigger_executor.execute_trigger = self._take

    async def attach(self) -> None:
        """Hear what the client's socket does not listen to, and say what the desk can run.

        To be called now and then: the client makes a new socket when one is lost. Costs nothing when done.
        """
        client = socket_connector._sio
        if client is None or (client.sid is not None and client.sid == self._announced):
            return
        client.on("portal:task", self._take_portal_task)
        client.on("auth:ok", self._greet)
        if client.connected:
            await self._greet(None)

    async def _greet(self, _: Any) -> None:
        """Register once more with each new connection: the client says its session alone."""
        client = socket_connector._sio
        if client is None or client.sid == self._announced:
            return
        self._announced = client.sid
        names = {"tools": [tool.name for tool in get_registered_tools()], "workflows": list(WORKFLOWS)}
        await client.emit("register", {"sessionId": self.session_id, **names})

    async def finish(self) -> None:
        """Let what has begun come to its end, within bounds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FINISH_SECONDS)

    async def _take(self, signal: Signal, _: str) -> None:
        """Begin what a trigger asks for, once, and let the socket go on reading."""
        if signal["triggerId"] in self._seen:
            return
        self._seen.add(signal["triggerId"])
        self._begin(self._run_workflow(signal) if signal.get("mode") == "workflow" else self._run_steps(signal))

    async def _take_portal_task(self, task: dict[str, Any]) -> None:
        self._begin(self._run_portal_task(task))

    def _begin(self, work: Awaitable[None]) -> None:
        async def in_turn() -> None:
            async with self._turn:
                await work

        task = asyncio.create_task(in_turn())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- workflows ---------------------------------------------------------------------------------------------------

    async def _run_workflow(self, signal: Signal) -> None:
        config = await self._call("GET", f"{API}/run-configs/{signal['runConfigId']}")
        for index in range(signal["runCount"]):
            sink, numbers = RunSink(), RunNumbers()
            self._enter(sink, numbers)
            telemetry_push.set_http_run_context(_make_run_context(config, numbers, server=self.options.url))
            began = time.time()
            try:
                result = await _measure(partial(self._run_once, signal))
            finally:
                telemetry_push.set_http_run_context(None)
            if sink.events:
                sink.enqueue(_describe_run(signal, result, began=began))
                body = {"runId": config["id"], "runIndex": index, "event": sink.events}
                await self._call("POST", "/api/trace-events", body)
            answer = {"mode": "workflow", "workflowName": signal["workflowName"], "runIndex": index, **result}
            answer["callCount"] = numbers.upcoming - 1
            await self._call("POST", f"{API}/triggers/{signal['triggerId']}/results", answer)

    async def _run_once(self, signal: Signal) -> Any:
        case, text, history = read_input(self.shop, signal["workflowName"], signal["workflowInput"])
        return await WORKFLOWS[case.workflow](self.desk, case, text=text, history=history)

    # -- single calls --------------------------------------------------------------------------------------------------

    async def _run_steps(self, signal: Signal) -> None:
        self._enter(RunSink(), RunNumbers())
        for place, step in enumerate(signal["steps"]):
            name, given = step["eventName"], step.get("input")
            if step["eventType"] == "tool":
                bound = {**step, "input": bind_arguments(name, given)}
                await _execute_tools({**signal, "triggerId": f"{signal['triggerId']}.{place}", "steps": [bound]}, ".")
                continue
            call = partial(self._call_again, step["eventType"], step.get("model"), given)
            results = [await _measure(call) for _ in range(signal["runCount"])]
            await self._call("POST", f"{API}/events/{step['originalEventDbId']}/reruns", {"results": results})

    async def _run_portal_task(self, task: dict[str, Any]) -> None:
        self._enter(RunSink(), RunNumbers())
        kind, name, given = task["type"], task["name"], task.get("input")
        if kind == "tool":
            made = portal_executor.PortalTask(task["taskId"], kind, name, bind_arguments(name, given))
            done = await portal_executor.execute_portal_task(made, ".", [])
            result = {"ok": done.ok, "output": done.output, "error": done.error, "durationMs": done.duration_ms}
        else:
            result = await _measure(partial(self._call_again, kind, task.get("model") or name, given))
        client = socket_connector._sio
        if client is not None:
            await client.emit("portal:result", {"taskId": task["taskId"], **result})

    async def _call_again(self, kind: str, model: str | None, given: Any) -> Any:
        if kind != "ai":
            raise ValueError(NOT_RUN_AGAIN.format(kind))
        messages = given.get("messages") if isinstance(given, dict) else None
        if not messages:
            messages = [{"role": "user", "content": given if isinstance(given, str) else json.dumps(given)}]
        return (await self.desk.ask(messages, model=model or "gpt-4o-mini"))["content"]

    # -- what both need ------------------------------------------------------------------------------------------------

    def _enter(self, sink: RunSink, numbers: RunNumbers) -> None:
        """Have what this task does kept apart from the desk's own work.

        The client's function would set it for the whole process as well, where the desk's own work goes on.
        """
        telemetry_push._obs_ctx.set(
            telemetry_push.ObservabilityContext(
                session_id=self.session_id,
                server_url=self.options.url,
                api_key=self.options.key,
                batcher=sink,
                next_id=numbers,
            )
        )

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        """Return Playhead's answer. Not by httpx, whose calls the client records."""
        return await asyncio.to_thread(_request, method, f"{self.options.url}{path}", self.options.key, body)


def describe_input(case: Case, text: str, history: list[Any]) -> dict[str, Any]:
    """Return what a workflow is given as JSON: all that it takes to run it again."""
    return {
        "number": case.number,
        "topic": case.topic,
        "customer": case.customer.id,
        "order": case.order.id,
        "text": text,
        "history": list(history),
    }


def read_input(shop: Shop, workflow: str, given: Any) -> tuple[Case, str, list[Any]]:
    """Return a workflow's case, text and history. Raises `ValueError` for what is no input of the desk's."""
    if workflow not in WORKFLOWS:
        raise ValueError(f"The desk has no workflow {workflow!r}.")
    try:
        customer = next(one for one in CUSTOMERS if one.id == given["customer"])
        order = shop.orders[given["order"]]
        case = Case(workflow, int(given["number"]), given["topic"], customer, order, (given["text"],))
        return case, str(given["text"]), list(given.get("history") or [])
    except (KeyError, TypeError, StopIteration) as error:
        raise ValueError(f"The workflow's input lacks something: {error!r}") from error


def bind_arguments(name: str, given: Any) -> Any:
    """Return a recorded input as the list of arguments the client's executor takes.

    The client records arguments by name as an object, and both kinds as `{args, kwargs}`, but hands an object to the
    tool as its one argument.
    """
    tool = get_registered_tool(name)
    if tool is None or not isinstance(given, dict):
        return given
    args, kwargs = (given["args"], given["kwargs"]) if set(given) == {"args", "kwargs"} else ([], given)
    try:
        bound = inspect.signature(tool.fn).bind(*args, **kwargs)
    except TypeError:
        return given
    bound.apply_defaults()
    return list(bound.arguments.values())


def _make_run_context(config: dict[str, Any], numbers: RunNumbers, *, server: str) -> Any:
    frozen = {
        item["id"]: WorkflowEvent(
            id=item["id"],
            type=item["type"],
            name=item["name"],
            input=item["input"],
            output=item["output"],
            timestamp=item["timestamp"] / 1000,
            duration_ms=item["durationMs"],
        )
        for item in config["frozenEvents"]
    }
    return telemetry_push.HttpRunContext(
        run_id=config["id"],
        dashboard_url=server,
        next_id=numbers,
        frozen_events=frozen,
        prompt_mocks=config["promptMocks"],
        tool_mock_config=config["toolMockConfig"] or None,
        ai_mock_config=AiMocks(config["aiMockConfig"]),
        strict=config["strict"],
    )


def _describe_run(signal: Signal, result: dict[str, Any], *, began: float) -> WorkflowEvent:
    """Return the run's own workflow event, which holds all its calls."""
    return WorkflowEvent(
        id=0,
        type="workflow",
        name=signal["workflowName"],
        input=signal["workflowInput"],
        output=result["output"] if result["ok"] else {"error": result["error"]},
        timestamp=began,
        duration_ms=result["durationMs"],
    )


async def _measure(call: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    """Return what came of a call as a result is spelled; whatever it raises is one."""
    began = time.monotonic()
    result: dict[str, Any] = {"ok": True, "output": None}
    try:
        async with asyncio.timeout(RUN_SECONDS):
            result["output"] = await call()
    except TimeoutError:
        result |= {"ok": False, "error": f"It took more than {RUN_SECONDS:g} seconds."}
    except Exception as error:
        result |= {"ok": False, "error": str(error) or type(error).__name__}
    return {**result, "durationMs": (time.monotonic() - began) * 1000}


def _request(method: str, url: str, key: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body, default=str).encode()
    headers = {"api-key": key, "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - the server's own
    with contextlib.closing(urllib.request.urlopen(request, timeout=30)) as answer:  # noqa: S310
        return json.load(answer)
