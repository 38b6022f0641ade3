"""Start everything in order, wait, stop everything in reverse order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from contextlib import ExitStack

from config.embedded import EmbeddedError, Postgres, Valkey
from config.embedded.process import Server, Watchdog
from config.supervisor.children import Child, Plan, describe_exit, end_group, spawn
from config.supervisor.data import DataFolder
from config.supervisor.listening import open_listening_socket
from config.supervisor.logs import BoundedLog
from config.supervisor.messages import describe_first_run, describe_ready, say
from config.supervisor.options import Options, parse_options
from config.supervisor.plans import (
    build_environment,
    plan_beat,
    plan_command,
    plan_demo,
    plan_server,
    plan_web,
    plan_worker,
)

# Stopped in this order, those of one line together: who writes goes before what is written to.
STOP_ORDER = (("demo",), ("web", "worker", "beat"), ("valkey",), ("postgres",))
"""By name, or by what stands before the hyphen of one."""


def run_up(arguments: list[str]) -> int:
    """Run until Ctrl-C or SIGTERM; return the exit code."""
    options = parse_options(arguments)
    try:
        with ExitStack() as stack:
            listening = stack.enter_context(open_listening_socket(options.host, options.port))
            data = DataFolder(options.data, say=say)
            stack.callback(data.close)
            watchdog = Watchdog()
            stack.callback(watchdog.close)
            asyncio.run(Supervisor(options, data=data, listening=listening, watchdog=watchdog).run())
    except (EmbeddedError, OSError) as error:
        sys.stderr.write(f"playhead: {error}\n")
        return 1
    except KeyboardInterrupt:
        # Before anything was started, and with it the orderly way to stop.
        return 130
    return 0


class Supervisor:
    """The running product: its children by name."""

    def __init__(self, options: Options, *, data: DataFolder, listening: socket.socket, watchdog: Watchdog) -> None:
        self._options = options
        self._data = data
        self._listening = listening
        self._watchdog = watchdog
        self._children: dict[str, Child] = {}
        self._is_asked_to_stop = asyncio.Event()

    async def run(self) -> None:
        """Start, wait for a signal, stop. A signal during the start stops what was started."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._ask_to_stop)
        starting = asyncio.create_task(self._start())
        asked = asyncio.create_task(self._is_asked_to_stop.wait())
        try:
            await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            await asked
            say("\nStopping")
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self._stop()
        say("Stopped")

    def _ask_to_stop(self) -> None:
        """Stop in order when asked once, at once when asked again."""
        if self._is_asked_to_stop.is_set():
            for child in self._children.values():
                child.kill()
        self._is_asked_to_stop.set()

    async def _start(self) -> None:
        urls = await self._start_servers()
        environment = build_environment(self._options, urls=urls)
        self._data.write_run_file(
            urls | {"PUBLIC_URL": environment["PLAYHEAD_PUBLIC_URL"], "PLAYHEAD_ENV": environment["PLAYHEAD_ENV"]}
        )
        made = await self._prepare(environment)
        if made["is_first"]:
            say(describe_first_run(made))
        say("Starting web, worker and beat")
        lock = self._data.children_lock
        # The web process first, alone: what the operator waits for should not share its processors.
        for number in range(1, self._options.web_processes + 1):
            await self._start_child(plan_web(self._listening, number=number, environment=environment, lock=lock))
        await self._start_child(plan_worker(environment=environment, lock=lock))
        await self._start_child(plan_beat(environment=environment, lock=lock))
        if self._options.is_demo:
            key = (self._data.path / "demo_key").read_text().strip()
            await self._start_child(plan_demo(environment=environment, lock=lock, key=key))
        say(describe_ready(self._options, address=environment["PLAYHEAD_PUBLIC_URL"], key=made["api_key"]))

    async def _start_servers(self) -> dict[str, str]:
        """Start what the environment does not name; return both addresses."""
        urls = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
        if not urls["DATABASE_URL"]:
            postgres = Postgres(self._options.data)
            urls["DATABASE_URL"] = postgres.url
            await self._start_server(postgres, f"Postgres {postgres.program.label}")
        if not urls["REDIS_URL"]:
            valkey = Valkey(self._options.data)
            urls["REDIS_URL"] = valkey.url
            await self._start_server(valkey, f"Valkey {valkey.program.label}")
        return urls

    async def _start_server(self, server: Server, label: str) -> None:
        say(f"Starting {label}")
        await asyncio.to_thread(server.prepare)
        await self._start_child(plan_server(server, lock=self._data.children_lock))

    async def _start_child(self, plan: Plan) -> None:
        log = BoundedLog(self._data.logs / f"{plan.name}.log")
        child = self._children[plan.name] = Child(plan, log=log, watchdog=self._watchdog, say=say)
        await child.start()

    async def _prepare(self, environment: dict[str, str]) -> dict[str, str]:
        """Bring database and static files up to date; return what the first start made."""
        say("Preparing the database and static files")
        quiet = {"PLAYHEAD_LOG_LEVEL": os.environ.get("PLAYHEAD_LOG_LEVEL", "WARNING")}
        demo = {"PLAYHEAD_DEMO": "1"} if self._options.is_demo else {}
        plan = plan_command("prepare", "--json", environment=environment | quiet | demo, lock=self._data.children_lock)
        process = await spawn(plan, watchdog=self._watchdog)
        try:
            answer = await self._follow(process)
        finally:
            code = await end_group(process, watchdog=self._watchdog)
        if code != 0 or not answer:
            raise EmbeddedError(f"the database could not be prepared ({describe_exit(code)}), see above.")
        return dict(json.loads(answer))

    async def _follow(self, process: Process) -> str:
        """Pass on what a command says, and return its last word: the line of JSON."""
        assert process.stdout is not None
        answer = ""
        log = BoundedLog(self._data.logs / "prepare.log")
        async for line in process.stdout:
            if line.startswith(b"{"):
                answer = line.decode()
            else:
                log.write(line)
                say("  " + line.decode(errors="replace").rstrip())
        log.close()
        return answer

    async def _stop(self) -> None:
        # New callers are refused from here on; the web process has its own copy for those it serves.
        self._listening.close()
        for names in STOP_ORDER:
            children = [child for name, child in self._children.items() if name.partition("-")[0] in names]
            await asyncio.gather(*(child.stop() for child in children))
