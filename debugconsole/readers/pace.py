"""How many lines a second a session is sent. Above that, a share of them chosen evenly, so that the picture stays true.

Warnings and errors are exempt up to a rate of their own: they are what people look for.
"""

from __future__ import annotations

from dataclasses import dataclass

from debugconsole.wire.envelope import Cause

_SPREAD = 0x9E3779B1
_WINDOW_SECONDS = 1.0
_BURST_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceLimits:
    """Of one session."""

    lines_per_second: int = 500
    bytes_per_second: int = 2**20
    severe_per_second: int = 100
    """Warnings and errors beyond the rest."""


class Bucket:
    """So much a second, and a second's worth at once."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.filled = rate * _BURST_SECONDS
        self.at = now

    def take(self, amount: float, now: float) -> bool:
        """Take so much, or nothing and say so."""
        self.filled = min(self.rate * _BURST_SECONDS, self.filled + (now - self.at) * self.rate)
        self.at = now
        if self.filled < amount:
            return False
        self.filled -= amount
        return True


class Pace:
    """Says of each line whether it is sent. `share` is what of the less severe ones is."""

    def __init__(self, limits: PaceLimits, now: float) -> None:
        self.share = 1.0
        self._limits = limits
        self._lines = Bucket(limits.lines_per_second, now)
        self._bytes = Bucket(limits.bytes_per_second, now)
        self._severe = Bucket(limits.severe_per_second, now)
        self._window_began = now
        self._window_lines = 0

    def judge(self, ordinal: int, size: int, now: float, *, is_severe: bool) -> Cause | None:
        """Return why a line is not sent, or None."""
        self._turn_window(now)
        if is_severe and self._severe.take(1, now):
            return None
        self._window_lines += 1
        if not is_chosen(ordinal, self.share) or not self._lines.take(1, now):
            return Cause.RATE_LIMIT
        return None if self._bytes.take(size, now) else Cause.BYTE_BUDGET

    def _turn_window(self, now: float) -> None:
        """Take from each second what share of the next one's lines fits."""
        passed = now - self._window_began
        if passed < _WINDOW_SECONDS:
            return
        rate = self._window_lines / passed
        self.share = min(1.0, self._limits.lines_per_second / rate) if rate > 0 else 1.0
        self._window_began, self._window_lines = now, 0


def is_chosen(ordinal: int, share: float) -> bool:
    """Say whether a line is among the share, spread evenly; the same line always is, or never."""
    return share >= 1.0 or (ordinal * _SPREAD & 0xFFFFFFFF) < share * 2**32
