"""A bound on how long a read may look for rare matches.

A list whose filters no index serves is read window by window, newest first, each window several times as many rows
as the one before. When the time is used up, the answer is what was found, how far back it looked, and where to go on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from observability.errors import SlowReadError

FIRST_WINDOW = 2_000
FIRST_COUNTED = 40_000
"""Of what is counted from an index alone: 20 ms of one core."""
_GROWTH = 4
_MOST = 200_000
_CAUTION = 0.6
"""Of the time that is left a window may plan to take so much: older rows are read more slowly than newer ones."""


class OutOfTimeError(Exception):
    """The budget is used up, or Postgres stopped the statement that would have overrun it."""


class Budget:
    """How much time is left, and how many rows the next window should hold."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self.start_over()

    @property
    def left(self) -> float:
        """Return the seconds that are left; zero or less when the time is used up."""
        return self._deadline - time.monotonic()

    def start_over(self, window: int | None = None) -> None:
        """Begin with a small window again, or with the given one, for another walk in the same time."""
        self.window = window or FIRST_WINDOW

    @contextmanager
    def spend(self) -> Iterator[None]:
        """Run a window's statements within what is left, then size the next window by how long they took.

        Raises `OutOfTimeError` instead of what Postgres says of a statement that was stopped.
        """
        left = self.left
        left_ms = int(left * 1000)
        if left_ms <= 0:
            raise OutOfTimeError
        started = time.monotonic()
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(left_ms)])
                yield
        except OperationalError as error:
            if isinstance(error.__cause__, QueryCanceled):
                raise OutOfTimeError from error
            raise
        taken = max(time.monotonic() - started, 0.001)
        affordable = int(self.window * (left - taken) / taken * _CAUTION)
        self.window = max(FIRST_WINDOW, min(self.window * _GROWTH, affordable, _MOST))


@contextmanager
def bound_read(seconds: float, *, what: str) -> Iterator[None]:
    """Let no statement of a read run longer, where a part is of no use; a decorator too. Raises `SlowReadError`."""
    try:
        with Budget(seconds).spend():
            yield
    except OutOfTimeError as error:
        raise SlowReadError(f"{what} could not be read in {seconds:g} seconds; try again in a while.") from error
