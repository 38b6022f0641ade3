"""Publishing lines from inside a web process: what the door does with what is posted, and what code here may do itself.

While the server of the streams is known to be away, nothing is tried: lines are shown to those who look through this
process (`readers.aside`). That is decided by the stream's reader alone, before anything is sent, so that no line is
both published and shown aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from django.conf import settings

from debugconsole.readers.hub import get_hub
from debugconsole.readers.streams import STREAM_ERRORS, make_client
from debugconsole.wire.emit import Emission, build_xadd

log = structlog.get_logger(__name__)

_BEFORE_FIELDS = 6
"""Words of an XADD before its fields."""


class NotPublishedError(Exception):
    """Nothing was published, or nobody can say what was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What became of lines. `aside` of them were shown to this process's viewers and are nowhere else."""

    aside: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    """Why the server did not take a line, by its place."""


async def publish(lines: Sequence[Emission]) -> Published:
    """Publish lines in one round trip. Raises `NotPublishedError` when the server took none."""
    commands = [
        build_xadd(line, prefix=settings.DEBUG_STREAM_PREFIX, maxlen=settings.DEBUG_STREAM_MAXLEN) for line in lines
    ]
    left = [place for place, command in enumerate(commands) if not _show_aside(command)]
    if not left:
        return Published(aside=len(commands))
    try:
        answers = await _send([commands[place] for place in left])
    except NotPublishedError as error:
        if len(left) == len(commands):
            raise
        # The others were shown, and must not be sent again with these.
        answers = [error] * len(left)
    refused = {
        place: f"the server of streams refused it: {answer}"[:200]
        for place, answer in zip(left, answers, strict=True)
        if isinstance(answer, Exception)
    }
    if len(refused) == len(lines):
        raise NotPublishedError(next(iter(refused.values())))
    return Published(aside=len(lines) - len(left), refused=refused)


async def _send(commands: list[list[str | bytes]]) -> list[object]:
    client = make_client()
    try:
        async with client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            answers: list[object] = await pipe.execute(raise_on_error=False)
            return answers
    except STREAM_ERRORS as error:
        log.warning("debug.ingest_unavailable", error=repr(error))
        raise NotPublishedError("lines cannot be published now; send them again") from error
    finally:
        await client.aclose()


def _show_aside(command: list[str | bytes]) -> bool:
    key, fields = str(command[1]), command[_BEFORE_FIELDS:]
    return get_hub().offer_aside(key, [part.encode() if isinstance(part, str) else part for part in fields])
