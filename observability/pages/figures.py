"""A figure beside that of the period before: how much it changed, and whether that is good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from observability.templatetags.playhead import percent

NO_CHANGE = "no change"
Number = TypeVar("Number", int, float)
Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class Figure:
    """What a page shows of one figure, in words. `mood` is `good`, `bad` or empty."""

    label: str
    text: str
    before: str
    change: str
    mood: str


def make_figure(
    label: str,
    now: Number | None,
    before: Number | None,
    *,
    write: Callable[[Number | None], str],
    better: Better = "neither",
) -> Figure:
    """Return the figure with its change against the period before.

    The change is a share of the earlier value, with an arrow; from nothing it is `new`, to or from the unknown none.
    """
    change = _write_change(now, before)
    is_moved = change not in ("", NO_CHANGE)
    return Figure(
        label=label,
        text=write(now),
        before=write(before),
        change=change,
        mood=_judge(now or 0, before or 0, better) if is_moved else "",
    )


def _write_change(now: float | None, before: float | None) -> str:
    if now is None or before is None:
        return ""
    if now == before:
        return NO_CHANGE
    if before == 0:
        return "\u25b2 new"
    share = (now - before) / before
    if abs(share) < 0.0005:
        return NO_CHANGE
    arrow = "\u25b2" if share > 0 else "\u25bc"
    return f"{arrow} {percent(abs(share))}" if abs(share) < 10 else f"{arrow} {now / before:.0f} times"


def _judge(now: float, before: float, better: Better) -> str:
    if better == "neither":
        return ""
    return "good" if (now > before) == (better == "higher") else "bad"
