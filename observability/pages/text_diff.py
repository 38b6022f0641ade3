"""The difference of two texts, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

MOST_LINES = 4_000
_AROUND = 3
_MOST_PAIRS = 90_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference. `gap` stands for lines that both texts share, and `text` says how many."""

    change: Literal["same", "added", "removed", "gap"]
    text: str


def diff_texts(old: str, new: str) -> list[Line]:
    """Return the lines of both texts, each once, what they share further away from a change than three lines folded.

    Beyond `MOST_LINES` lines the rest is left out, and the last line says so.
    """
    before, after = old.splitlines(), new.splitlines()
    shown = before[:MOST_LINES], after[:MOST_LINES]
    lines: list[Line] = []
    end = 0
    # Of many lines the most frequent begin no match: each would be tried against all of its like.
    is_long = len(shown[0]) * len(shown[1]) > _MOST_PAIRS
    for group in SequenceMatcher(None, *shown, autojunk=is_long).get_grouped_opcodes(_AROUND):
        lines += _fold(group[0][1] - end)
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [Line("same", text) for text in before[i1:i2]]
            else:
                lines += [Line("removed", text) for text in before[i1:i2]]
                lines += [Line("added", text) for text in after[j1:j2]]
        end = group[-1][2]
    lines += _fold(len(shown[0]) - end)
    if len(before) > MOST_LINES or len(after) > MOST_LINES:
        lines.append(Line("gap", f"Only the first {MOST_LINES} lines are compared."))
    return lines


def _fold(count: int) -> list[Line]:
    return [Line("gap", f"{count} line{'' if count == 1 else 's'} the same")] if count > 0 else []
