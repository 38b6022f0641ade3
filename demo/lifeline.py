"""What ties a demo process to the one that started it.

stdin is the lifeline: its other end is held by the parent alone, so end-of-file means the parent is gone, however it
went. stdout carries one JSON object a line back to the parent. Keys come in the environment, never as arguments.
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
from collections.abc import Coroutine
from typing import Any

REPEAT_SECONDS = 30.0
GRACE_SECONDS = 3.0


def watch_parent() -> None:
    """Stop this process with SIGTERM when its parent goes, and for good when it has not ended a little later."""
    threading.Thread(target=_wait_for_end_of_file, name="lifeline", daemon=True).start()


def _wait_for_end_of_file() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def report(**facts: Any) -> None:
    """Tell the parent something: one line of JSON on stdout. A parent that is gone is not told."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


def run_agent_process(work: Coroutine[Any, Any, None]) -> None:
    """Run an agent until it is done, its parent is gone, or SIGTERM or SIGINT stops it: it still flushes then."""
    log_sparingly()
    watch_parent()
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
