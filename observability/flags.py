"""Facts about a stored event or log record, one bit each. Pure, so that wire formats and the merge may use it."""

from __future__ import annotations

import enum


class EventFlag(enum.IntFlag):
    """What a reader must be told of, and which values a payload has. Merged halves keep the flags of both."""

    TIME_SUSPECT = 1
    """Its time is far off now, so it lies in the default partition."""
    USAGE_ESTIMATED = 2
    """The token split was guessed from a total."""
    REDACTED = 4
    """Redaction replaced something in it."""
    INPUT_WITHHELD = 8
    """The project does not capture inputs."""
    OUTPUT_WITHHELD = 16
    """The project does not capture outputs."""
    ATTRIBUTES_WITHHELD = 32
    """The project does not capture attributes."""
    STACK_WITHHELD = 64
    """The project does not capture error stacks."""
    COST_STATED = 128
    """The sender stated the cost; otherwise it was computed from prices."""
    HAS_ATTRIBUTES = 256
    HAS_ERROR_STACK = 512
    HAS_EXTRA = 1024
    RERUN = 2048
    """It is of a rerun: no production, so figures and lists leave it out unless they are asked for it."""


def list_flags(flags: int) -> list[str]:
    """Return the names of the flags that are set, in lower case."""
    return [flag.name.lower() for flag in EventFlag if flags & flag and flag.name]
