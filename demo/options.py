"""The command line both agent processes share, and the pace they keep."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from demo.conversations import Case

URL_VARIABLE = "PLAYHEAD_URL"
KEY_VARIABLE = "PLAYHEAD_API_KEY"
STAND_IN_VARIABLE = "DEMO_STAND_IN_URL"


@dataclass(frozen=True)
class AgentOptions:
    """What an agent process is told."""

    url: str
    key: str
    stand_in: str
    seed: int
    rate: float
    """Runs a minute; 0 is as fast as it goes."""
    pace: float
    """Factor on the agent's own pauses."""
    first: int
    """How many cases of the seed's stream were done by an earlier process."""
    count: int
    """Stop after this many cases; 0 never stops."""
    once: bool
    """Do the first case of each workflow, then stop."""

    def choose_cases(self, cases: Iterator[Case]) -> Iterator[Case]:
        """Yield the part of the stream this process is to work on."""
        if self.once:
            return _first_of_each(cases)
        return islice(cases, self.first, self.first + self.count if self.count else None)


def _first_of_each(cases: Iterator[Case]) -> Iterator[Case]:
    """Yield each workflow's first case; a workflow that comes a second time first has closed the cycle."""
    seen: set[str] = set()
    for case in islice(cases, 12):
        if case.workflow not in seen:
            seen.add(case.workflow)
            yield case


def parse_agent_options(description: str | None) -> AgentOptions:
    """Read the process's arguments; addresses and the key come from the environment."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--once", action="store_true")
    given = parser.parse_args()
    return AgentOptions(
        url=os.environ[URL_VARIABLE],
        key=os.environ[KEY_VARIABLE],
        stand_in=os.environ[STAND_IN_VARIABLE],
        seed=given.seed,
        rate=given.rate,
        pace=given.pace,
        first=given.first,
        count=given.count,
        once=given.once,
    )


class Pacer:
    """Spreads runs evenly over time; work that fell behind is not caught up with in a burst."""

    def __init__(self, *, per_minute: float) -> None:
        self.interval = 60 / per_minute if per_minute > 0 else 0.0
        self.next_at = time.monotonic()

    async def wait(self) -> None:
        """Return when the next run is due."""
        await asyncio.sleep(max(0.0, self.next_at - time.monotonic()))
        self.next_at = max(self.next_at + self.interval, time.monotonic())
