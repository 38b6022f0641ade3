"""Starts the demo's processes, keeps them going and counts what they say they sent.

    runner -- model_server     the stand-in; its loss ends the demo
           |- support_desk     replaced after SESSION_CASES cases, so that new SDK sessions appear
           |- otel_agent
           `- extension        told of each run, of which it prints; not with `once`

Children die with the runner: each holds the reading end of a pipe whose writing end is the runner's alone (see
`lifeline`). On SIGTERM or Ctrl-C the agents are told to stop first and flush, then the stand-in goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from demo.options import KEY_VARIABLE, STAND_IN_VARIABLE, URL_VARIABLE

ROOT = Path(__file__).resolve().parent.parent
MODULES = {"sdk": "demo.support_desk", "otel": "demo.otel_agent"}
EXTENSION = "demo.extension"
CLIENT_FOLDER = ROOT / "clients" / "python"
"""Where the library is that the extension prints by; a customer's would be installed."""
CLIENT_ENVIRONMENT = {
    "ELASTICDASH_ACCEPT_RERUNS": "1",
    "ELASTICDASH_SERVER_URL": "{options.url}",
    "ELASTICDASH_API_KEY": "{options.key}",
}
"""What the elasticdash client reads by itself when it runs something again."""
RATE_SHARES = {"sdk": 0.75, "otel": 0.25}
SESSION_CASES = 25
ONCE_PACE = 0.1
STOP_SECONDS = 10.0
SUMMARY_SECONDS = 60.0
LONGEST_BACK_OFF = 30.0

Say = Callable[[str], None]


class DemoError(Exception):
    """The demo cannot run or did not send what it should; the message names the remedy."""


@dataclass(frozen=True)
class DemoOptions:
    """What `manage.py demo` was asked for."""

    url: str
    key: str
    seed: int
    rate: float
    """Runs a minute, of both agents together."""
    once: bool
    agents: tuple[str, ...]
    has_extension: bool = False


@dataclass
class Sent:
    """What the agents reported."""

    runs: list[dict[str, str]] = field(default_factory=list)
    unsent: int = 0
    cases: int = 0
    """Cases of the support desk done so far, by all its processes."""
    listener: asyncio.StreamWriter | None = None
    """Who is told of each run."""

    def add(self, facts: dict[str, Any]) -> None:
        """Take in one report of a child."""
        if "trace" in facts:
            self.runs.append(facts)
            if self.listener is not None and not self.listener.is_closing():
                self.listener.write(json.dumps(facts).encode() + b"\n")
        elif "unsent" in facts:
            self.unsent += facts["unsent"]
        elif "case" in facts:
            self.cases += 1

    def describe(self) -> str:
        """Return the counts by workflow in one line."""
        counts = Counter(run["workflow"] for run in self.runs)
        listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        return f"{len(self.runs)} runs sent ({listed or 'none yet'})"


def run_demo(options: DemoOptions, *, say: Say) -> Sent:
    """Run until done (`once`), a signal or Ctrl-C. Raises `DemoError`."""
    return asyncio.run(_run_until_signal(options, say=say))


async def _run_until_signal(options: DemoOptions, *, say: Say) -> Sent:
    sent = Sent()
    work = asyncio.ensure_future(_run(options, sent, say=say))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work
    return sent


async def _run(options: DemoOptions, sent: Sent, *, say: Say) -> None:
    await wait_for_server(options, say=say)
    async with _running("demo.model_server", _stand_in_arguments(options), {}) as stand_in:
        stand_in_url = (await _read_report(stand_in))["url"]
        environment = {URL_VARIABLE: options.url, KEY_VARIABLE: options.key, STAND_IN_VARIABLE: stand_in_url}
        environment |= {name: value.format(options=options) for name, value in CLIENT_ENVIRONMENT.items()}
        agents = [_keep_agent(name, options, sent, environment, say=say) for name in options.agents]
        if options.has_extension:
            agents.append(_keep_extension(options, sent, environment, say=say))
        work = asyncio.gather(*agents) if options.once else _serve(agents, stand_in, sent, say=say)
        await work


def _stand_in_arguments(options: DemoOptions) -> list[str]:
    pace = ONCE_PACE if options.once else 1.0
    return ["--seed", str(options.seed), "--pace", str(pace)]


async def _serve(agents: list[Any], stand_in: Process, sent: Sent, *, say: Say) -> None:
    """Run the agents without end, say now and then what was sent, and stop when the stand-in is lost."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for agent in agents:
                tasks.create_task(agent)
            tasks.create_task(_say_counts(sent, say=say))
            status = await stand_in.wait()
            raise DemoError(f"The demo's model server ended with status {status}. Start the demo again.")
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


async def _say_counts(sent: Sent, *, say: Say) -> None:
    while True:
        await asyncio.sleep(SUMMARY_SECONDS)
        say(sent.describe())


async def wait_for_server(options: DemoOptions, *, say: Say) -> None:
    """Return when the server takes this key; refused keys, and with `once` a missing server, raise `DemoError`."""
    is_said = False
    async with httpx.AsyncClient(timeout=5) as client:
        while True:
            status = await _try_key(client, options)
            if status in {401, 403}:
                raise DemoError(f"{options.url} refuses this API key. Give another with --key or {KEY_VARIABLE}.")
            if status is not None and status < 500:
                return
            if options.once:
                raise DemoError(f"No Playhead answers at {options.url}. Start it with `python3 manage.py up`.")
            if not is_said:
                say(f"Waiting for Playhead at {options.url} ...")
            is_said = True
            await asyncio.sleep(1)


async def _try_key(client: httpx.AsyncClient, options: DemoOptions) -> int | None:
    """Send an empty metrics export, which checks the key and stores nothing. None is no answer."""
    headers = {"Authorization": f"Bearer {options.key}"}
    try:
        response = await client.post(f"{options.url}/v1/metrics", json={"resourceMetrics": []}, headers=headers)
    except httpx.HTTPError:
        return None
    return response.status_code


async def _keep_agent(name: str, options: DemoOptions, sent: Sent, environment: dict[str, str], *, say: Say) -> None:
    """Run an agent; without `once` start it again whenever it ends, after a pause when it failed."""
    back_off = 1.0
    while True:
        started = time.monotonic()
        async with _running(MODULES[name], _agent_arguments(name, options, sent), environment) as process:
            async for facts in _read_reports(process):
                sent.add(facts)
            status = await process.wait()
        if options.once:
            if status:
                raise DemoError(f"The demo's {name} agent ended with status {status}.")
            return
        back_off = 1.0 if status == 0 or time.monotonic() - started > LONGEST_BACK_OFF else back_off * 2
        if status:
            say(f"The {name} agent ended with status {status}; starting it again.")
            await asyncio.sleep(min(back_off, LONGEST_BACK_OFF))


async def _keep_extension(options: DemoOptions, sent: Sent, environment: dict[str, str], *, say: Say) -> None:
    """Run the extension, which is told of each run, and start it again when it ends: nothing else depends on it."""
    path = os.pathsep.join([str(CLIENT_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])])
    while True:
        arguments = ["--seed", str(options.seed)]
        async with _running(EXTENSION, arguments, environment | {"PYTHONPATH": path}) as process:
            sent.listener = process.stdin
            status = await process.wait()
        say(f"The extension ended with status {status}; starting it again.")
        await asyncio.sleep(LONGEST_BACK_OFF)


def _agent_arguments(name: str, options: DemoOptions, sent: Sent) -> list[str]:
    if options.once:
        return ["--seed", str(options.seed), "--once", "--pace", str(ONCE_PACE)]
    share = RATE_SHARES[name] if len(options.agents) > 1 else 1.0
    arguments = ["--seed", str(options.seed), "--rate", str(options.rate * share)]
    return [*arguments, "--first", str(sent.cases), "--count", str(SESSION_CASES)] if name == "sdk" else arguments


@contextlib.asynccontextmanager
async def _running(module: str, arguments: list[str], environment: dict[str, str]) -> AsyncIterator[Process]:
    """Run `python -m module` as a child; on the way out let it finish, then make it.

    It gets a session of its own, so that Ctrl-C reaches the runner alone and the agents stop in order.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        cwd=ROOT,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _read_report(process: Process) -> dict[str, Any]:
    """Return a child's first report."""
    async for facts in _read_reports(process):
        return facts
    raise DemoError(f"The demo's model server did not start: status {await process.wait()}.")


async def _read_reports(process: Process) -> AsyncIterator[dict[str, Any]]:
    """Yield what a child reports until it closes its stdout."""
    assert process.stdout is not None
    async for line in process.stdout:
        yield json.loads(line)
