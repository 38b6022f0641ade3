"""Texts for property tests of search terms: of all that words are made of, too long, too many, and made to collide."""

from __future__ import annotations

import itertools
import json
import string
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
_MASK = 2**64 - 1
_ESCAPES = ["\\\\", '\\"', "\\/", "\\n", "\\r", "\\t", "\\", '"', "{", "role", " ", "\n", "word", "x" * 50]
ODD_ESCAPES = [
    "\\b",
    "\\f",
    "\\u0041",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\u0000",
    "\\u0001",
    "\\u00",
    "\\x",
    "é",
    "\0",
    "\x01",
    "\x0b",
    "\x1c",
]

ascii_texts = st.one_of(
    st.lists(st.sampled_from(_PIECES + _LONG), max_size=60).map("".join),
    st.lists(st.sampled_from(["aB", "word", " "]), max_size=60).map("".join),
    st.text(st.characters(max_codepoint=127)),
)
_json_strings = st.lists(ascii_texts, max_size=4).map(lambda texts: json.dumps(texts, separators=(",", ":")))
plain_json = st.one_of(
    _json_strings.filter(lambda text: not any(escape in text for escape in ("\\u", "\\b", "\\f"))),
    st.lists(st.sampled_from(_ESCAPES[:6] + _ESCAPES[7:]), max_size=60).map("".join),
    st.sampled_from(['"', '""', '"word', "", '" padded "', '"' + "word " * 60 + '"', "x" * 200, "x" * 201]),
).map(str.encode)
"""JSON, and beginnings of it, with the usual escapes."""
odd_json = st.one_of(
    st.lists(st.sampled_from(_ESCAPES + ODD_ESCAPES), max_size=60).map("".join).map(str.encode),
    st.text().map(lambda text: json.dumps(text).encode()),
    st.text().map(lambda text: json.dumps(text, ensure_ascii=False).encode(errors="replace")),
    st.binary(),
)
conversations = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": ascii_texts}), max_size=3
).map(lambda messages: json.dumps({"messages": messages}).encode())


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
        "_ " * count,
    ]


def make_dense_text(count: int) -> str:
    """Return a text with as many terms to a character as there can be: two short parts to a word."""
    parts = map("".join, itertools.product(string.ascii_lowercase, repeat=2))
    return " ".join(f"{part}_{part.upper()[::-1]}" for part in itertools.islice(parts, count))


def make_text_that_collides(count: int) -> str:
    """Return a text of words whose hashes in `terms.h` all fall within a few places of its table."""
    words = (word for word in _list_words() if _hash(word) & 0x1FFF < 64)
    return " ".join(itertools.islice(words, count))


def _list_words() -> Iterator[str]:
    return map("".join, itertools.product(string.ascii_lowercase, repeat=5))


def _hash(word: str) -> int:
    """Hash a word of up to eight letters as `add_term` does."""
    key = int.from_bytes(word.encode().ljust(8, b"\0"))
    hashed = (key ^ key >> 32 ^ len(word)) * 0x9E3779B97F4A7C15 & _MASK
    return ((hashed ^ hashed >> 29) * 0xBF58476D1CE4E5B9 & _MASK) >> 32
