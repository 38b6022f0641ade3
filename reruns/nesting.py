"""Which calls of a trace happened inside which tool: when that is frozen they do not happen, and are not counted. Pure.

An SDK numbers calls in the order in which they begin, and does not say which made which. So it is told by time: what
began and ended while a tool ran was made by it. Times come in whole milliseconds, cut off; even so this is never said
of calls that followed one another. Of tools that ran side by side, each is given a call before any gets a second. Tools
themselves are taken to stand side by side: models call them so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

_CUT = timedelta(milliseconds=1)
"""What two numbers that were cut off may add up to be wrong by."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A call: its number among those of the session, and when it was made."""

    number: int
    is_tool: bool
    started_at: datetime
    ended_at: datetime


def find_makers(calls: Iterable[Span]) -> dict[int, int]:
    """Return by the number of a call that of the tool that made it. The workflow's own calls are left out."""
    makers: dict[int, int] = {}
    made: dict[int, int] = {}
    running: list[Span] = []
    for call in sorted(calls, key=lambda call: (call.started_at, call.number)):
        running = [tool for tool in running if tool.ended_at + _CUT >= call.started_at]
        if call.is_tool:
            running.append(call)
            made[call.number] = 0
            continue
        able = [tool for tool in running if _may_have_made(tool, call)]
        if able:
            maker = min(able, key=lambda tool: (made[tool.number], tool.number))
            made[maker.number] += 1
            makers[call.number] = maker.number
    return makers


def _may_have_made(tool: Span, call: Span) -> bool:
    if not (tool.number < call.number and call.started_at < tool.ended_at and call.ended_at <= tool.ended_at + _CUT):
        return False
    is_shorter = call.ended_at - call.started_at < tool.ended_at - tool.started_at
    return is_shorter or call.started_at == tool.started_at
