"""Texts for property tests of search terms: of all that words are made of, too long, too many, and made to collide."""

from __future__ import annotations

import itertools
import string
import zlib
from collections.abc import Iterator

from hypothesis import strategies as st

_PIECES = [
    " ",
    " ",
    "_",
    "__",
    "a",
    "Z",
    "9",
    "\0",
    "\n",
    "\x1c",
    "\x7f",
    "-",
    "get",
    "User",
    "NAME",
    "x1",
    "Two_parts",
]
_LONG = ["x" * 63, "x" * 64, "Y" * 65, "long_" * 20, "longWord" * 20]

ascii_texts = st.one_of(
    st.lists(st.sampled_from(_PIECES + _LONG), max_size=60).map("".join),
    st.lists(st.sampled_from(["aB", "word", " "]), max_size=60).map("".join),
    st.text(st.characters(max_codepoint=127)),
)


def list_texts_of_many(count: int) -> list[str]:
    """Return texts of about as many terms: words, parts of words, parts of one word, and one word so many times."""
    return [
        " ".join(f"{number:x}" for number in range(count)),
        " ".join(f"user_{number}" for number in range(count)),
        " ".join(f"someone{number}User" for number in range(count)),
        "_".join(f"{number}" for number in range(count)),
        "".join(f"somewhat{number}Word" for number in range(count)),
        f"{0:064}" * count,
        " ".join(f"{number:065}" for number in range(count)) + " last_one",
    ]


def list_terms_that_collide(count: int) -> list[bytes]:
    """Return terms whose CRC-32 ends alike: a table made of their hashes has them all on one place."""
    numbers = (b"%d" % number for number in itertools.count())
    return list(itertools.islice((term for term in numbers if zlib.crc32(term) & 2047 == 0), count))


def make_text_that_collides(count: int) -> str:
    """Return a text of words whose FNV-1a falls within few of 2^14 places."""
    words = (word for word in _list_words() if _place(word) < 64)
    return " ".join(itertools.islice(words, count))


def _list_words() -> Iterator[str]:
    return map("".join, itertools.product(string.ascii_lowercase, repeat=5))


def _place(word: str) -> int:
    hashed = 2166136261
    for byte in word.encode():
        hashed = (hashed ^ byte) * 16777619 & 0xFFFFFFFF
    return (hashed ^ hashed >> 15) & 0x3FFF
