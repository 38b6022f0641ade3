"""How alike two texts are, bounded in time."""

from __future__ import annotations

import difflib

MOST_CHARACTERS = 20_000
"""Compared of each text: what follows is compared as a whole, alike or not."""
_MOST_LETTERS = 2_000


def measure_similarity(one: str, other: str) -> float:
    """Return 0 to 1: the share of both texts that they have in common, in order. Symmetric; 1 only if they are equal.

    Letters of short texts, words of longer ones.
    """
    if one == other:
        return 1.0
    first, second = sorted((one, other))
    heads = first[:MOST_CHARACTERS], second[:MOST_CHARACTERS]
    if max(map(len, heads)) <= _MOST_LETTERS:
        ratio = difflib.SequenceMatcher(None, *heads, autojunk=False).ratio()
    else:
        ratio = difflib.SequenceMatcher(None, heads[0].split(), heads[1].split(), autojunk=False).ratio()
    return min(ratio, 0.9999)
