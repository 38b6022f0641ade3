"""An extension of the shop that prints while it works: what there is to see in the debug console.

Run as `python -m demo.extension` with `clients/python` on the path. It says what an order service says of the runs that
the agents have just done: the runner tells it of each, and its lines carry that run's trace. It prints, logs, warns,
fails with a stack trace, and now and then lets a secret slip, which the console hides.

At most one line every `LINE_SECONDS`, whatever it is told; runs that come faster are not all spoken of.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playhead_debug import DebugHandler, HttpTransport, Producer, capture_output, request_context

from demo.catalogue import CARRIERS
from demo.lifeline import run_agent_process
from demo.options import AgentOptions, parse_agent_options

EXTENSION_ID = "shop-orders"
INSTALLS = ("inst-eu-1", "inst-us-1")
VERSION = "2.7.1"
LINE_SECONDS = 0.15
IDLE_SECONDS = 5.0
MOST_WAITING = 20

logger = logging.getLogger("orders")
Say = Callable[[], None]


class PriceError(Exception):
    """An order cannot be priced."""


async def run_extension(options: AgentOptions, heard: deque[dict[str, Any]]) -> None:
    """Speak of one run after the other, until cancelled."""
    producer = Producer(HttpTransport(options.url, api_key=options.key, extension=EXTENSION_ID), version=VERSION)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(DebugHandler(producer))
    # The real standard output is the way back to the runner, so what is printed goes to the console alone.
    with Path(os.devnull).open("w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        undo = capture_output(producer)
        try:
            await _speak(heard, random.Random(options.seed))
        finally:
            undo()
            await asyncio.to_thread(producer.close)


async def _speak(heard: deque[dict[str, Any]], chance: random.Random) -> None:
    number = 0
    while True:
        if not heard:
            logger.debug("nothing to do: the queue of orders is empty")
            await _wait_for_run(heard)
            continue
        run, number = heard.popleft(), number + 1
        for say in list_lines(number, str(run.get("workflow", "")), chance):
            with request_context(
                request=f"req-{number:05d}", install=INSTALLS[number % len(INSTALLS)], trace=run.get("trace")
            ):
                say()
            await asyncio.sleep(LINE_SECONDS)


async def _wait_for_run(heard: deque[dict[str, Any]]) -> None:
    for _ in range(int(IDLE_SECONDS / LINE_SECONDS)):
        if heard:
            return
        await asyncio.sleep(LINE_SECONDS)


def list_lines(number: int, workflow: str, chance: random.Random) -> Iterator[Say]:
    """Yield what is said of one run, each as something to call."""
    order, carrier = f"KO-{chance.randint(10_000, 99_999)}", chance.choice(sorted(CARRIERS))
    took_ms = chance.randint(4, 90)
    yield lambda: logger.debug("GET /orders/%s for %s", order, workflow, extra={"order": order})
    yield lambda: print(f"cache: {'hit' if number % 3 else 'miss'} for {order}")  # noqa: T201 - what it is about
    yield lambda: logger.info("warehouse answered in %d ms", took_ms, extra={"order": order, "took_ms": took_ms})
    if number % 4 == 0:
        yield lambda: logger.warning("%s is slow: trying again (2 of 3)", carrier, extra={"carrier": carrier})
    if number % 5 == 0:
        yield lambda: logger.info("pool: reconnecting to postgres://orders:m0untain-goat@db.internal:5432/orders")
    if number % 7 == 0:
        yield lambda: print("gc: heap at 81 %, collecting early", file=sys.stderr)  # noqa: T201
    if number % 9 == 0:
        yield lambda: _fail(order)
        return
    yield lambda: logger.info("200 /orders/%s", order, extra={"order": order, "status": 200})


def _fail(order: str) -> None:
    try:
        _price(order, {"EUR": "19,90"})
    except PriceError:
        logger.exception("500 /orders/%s", order, extra={"order": order, "status": 500})


def _price(order: str, prices: dict[str, str]) -> float:
    try:
        return float(prices["EUR"])
    except ValueError as error:
        raise PriceError(f"{order} has no price") from error


def main() -> None:
    """Be one process of the demo."""
    heard: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)
    run_agent_process(run_extension(parse_agent_options(__doc__), heard), hear=heard.append)


if __name__ == "__main__":
    main()
