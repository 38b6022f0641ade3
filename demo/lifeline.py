"""What ties a demo process to the one that started it.

stdin is the lifeline: its other end is held by the parent alone, so end-of-file means the parent is gone, however it
went. One JSON object a line goes through it to a process that hears, and through stdout back to the parent. Keys come
in the environment, never as arguments.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

REPEAT_SECONDS = 30.0
GRACE_SECONDS = 3.0

Hear = Callable[[dict[str, Any]], None]


def watch_parent(hear: Hear | None = None) -> None:
    """Stop this process with SIGTERM when its parent goes, and for good when it has not ended a little later.

    What the parent says meanwhile is given to `hear`, in a thread of its own.
    """
    threading.Thread(target=_follow_parent, args=(hear,), name="lifeline", daemon=True).start()


def _follow_parent(hear: Hear | None) -> None:
    # Not through `sys.stdin`: a thread that waits in its lock would break the end of the process.
    begun = b""
    while chunk := os.read(sys.stdin.fileno(), 65_536):
        *lines, begun = (begun + chunk).split(b"\n")
        if hear is not None:
            for line in lines:
                hear(json.loads(line))
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def report(**facts: Any) -> None:
    """Tell the parent something: one line of JSON on stdout. A parent that is gone is not told."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


def run_agent_process(work: Coroutine[Any, Any, None], *, hear: Hear | None = None) -> None:
    """Run an agent until it is done, its parent is gone, or SIGTERM or SIGINT stops it: it still flushes then."""
    log_sparingly()
    watch_parent(hear)
    asyncio.run(_run_until_stopped(work))


async def _run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


class SparingFilter(logging.Filter):
    """Let each kind of warning through at most every half minute, and aiohttp's unclosed sessions never.

    A client that cannot reach its server says so for every batch; and version 0.1.4 of the elasticdash client leaves
    an aiohttp session behind each time its socket finds no server.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last_said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if "Unclosed" in str(record.msg) or "Unclosed" in record.getMessage():
            return False
        key = f"{record.name} {record.msg}"
        now = time.monotonic()
        if now - self.last_said.get(key, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        self.last_said[key] = now
        return True


def log_sparingly() -> None:
    """Write warnings to stderr, without repeating one all the time."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("demo: %(message)s"))
    handler.addFilter(SparingFilter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
