"""Search terms: what a text is found by.

The match rule, for pages and docs: *a search finds what contains every word of the query, in any order.* Case, width
and compatibility forms do not count (NFKC, case folded); accents do. A word is a run of letters, digits and
underscores. Longer names are found whole and by their parts: `getUserName`, `get_user_name` and `app.getUser` by
`user`. Scripts written without spaces (Chinese, Japanese, Thai, ...) and Korean are matched by adjacent pairs of
characters, so any part of a phrase finds it. Words count to their 64th character. There is no prefix or substring
match within a word.

Documents and queries pass through the same steps, so whatever is indexed can be found again by typing it.
"""

from __future__ import annotations

import operator
import re
import unicodedata
import zlib
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TERM_LENGTH = 64
"""Characters of a term; the rest of a longer word is not looked at."""
MOST_TERMS = 4_096
"""Terms of one text; those that come first are kept."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # Japanese kana and marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u1100-\u11ff\uac00-\ud7af"  # Hangul
)
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_SPACED_WORD = re.compile(rf"[^\W{_UNSPACED}]+")
_UNSPACED_CHARACTER = re.compile(rf"[{_UNSPACED}]")
_UNSPACED_RUN = re.compile(rf"[{_UNSPACED}]+")

_WORD_BYTES = b"abcdefghijklmnopqrstuvwxyz0123456789_"
_FOLD = bytes(ord(chr(code).lower()) if chr(code).lower().encode()[0] in _WORD_BYTES else 32 for code in range(128))
_FOLD += bytes(range(128, 256))
_SHAPE = bytes(65 if chr(code).isupper() else 97 if chr(code).isalnum() else 32 for code in range(128)) + b"x" * 128
_RUNS = bytes(32 if code == 32 else 97 for code in range(256))
_TOO_LONG = b"a" * (TERM_LENGTH + 1)
_NOISE_RATIO = 8
"""Text where a new word would begin inside every few characters is encoded data, not names."""


def search_terms(text: str) -> set[bytes]:
    """Return the terms a text is found by, as UTF-8.

    About 10 µs per KB of ASCII, 35 of other alphabets, 200 of Chinese.
    """
    if not text.isascii():
        return {term.encode(errors="replace") for term in _search_unicode_terms(text)}
    raw = text.encode()
    folded = raw.translate(_FOLD)
    words = folded.split()
    terms = set(words)
    terms.update(_list_name_parts(folded))
    terms.update(_split_humps(raw).lower().split())
    if _TOO_LONG in folded.translate(_RUNS):
        words = [word[:TERM_LENGTH] for word in words]
        # A part of encoded data may be thousands of characters long, and Postgres refuses such a term with its batch.
        terms = {term[:TERM_LENGTH] for term in terms}
    return terms if len(terms) <= MOST_TERMS else _limit(words)


def query_terms(text: str) -> set[str]:
    """Return the terms that a text must all have to match the query; empty if the query has no word."""
    terms, runs = _split_words(text)
    for run in runs:
        terms += _pair(run) if len(run) > 1 else [run]
    return _limit(terms)


def hash_term(term: bytes) -> int:
    """Return the 32 bits by which a segment's terms are indexed, as Postgres' signed `int4`."""
    return zlib.crc32(term) - 2**31


def _search_unicode_terms(text: str) -> set[str]:
    terms, runs = _split_words(text)
    terms += _split_names(terms)
    if humps := _split_humps(text.encode(errors="replace")):
        terms += _split_words(humps.decode())[0]
    for run in runs:
        terms += run
        terms += _pair(run)
    return _limit(terms)


def _split_words(text: str) -> tuple[list[str], list[str]]:
    """Return the words of a text, normalised, and the runs of its scripts without spaces."""
    normal = unicodedata.normalize("NFKC", text)
    folded = unicodedata.normalize("NFKC", normal.casefold())
    foreign = set("".join(_FOREIGN.findall(folded)))
    if any(_UNSPACED_CHARACTER.match(character) for character in foreign):
        words = [word[:TERM_LENGTH] for word in _SPACED_WORD.findall(folded)]
        return words, _UNSPACED_RUN.findall(folded)
    for character in foreign:
        if not character.isalnum():
            folded = folded.replace(character, " ")
    return _split_folded(folded.encode(errors="replace").translate(_FOLD)), []


def _split_folded(folded: bytes) -> list[str]:
    words = folded.decode().split()
    if _TOO_LONG in folded.translate(_RUNS):
        return [word[:TERM_LENGTH] for word in words]
    return words


def _pair(run: str) -> Iterator[str]:
    return map(operator.add, run, run[1:])


def _split_names(terms: Iterable[str]) -> list[str]:
    """Return `user` and `name` for `user_name`."""
    return [part for term in terms if "_" in term for part in term.split("_") if part]


def _list_name_parts(folded: bytes) -> list[bytes]:
    """Return `user` and `name` for `user_name`; looks at underscores, of which there are few, and not at each word."""
    parts: list[bytes] = []
    end = 0
    at = folded.find(b"_")
    while at >= 0:
        start = folded.rfind(b" ", end, at) + 1 or end
        end = folded.find(b" ", at)
        end = end if end >= 0 else len(folded)
        parts += folded[start:end].split(b"_")
        at = folded.find(b"_", end)
    return [part for part in parts if part]


def _split_humps(raw: bytes) -> bytes:
    """Return, apart, the parts of names in which a capital follows a small letter or a digit: `user Name`."""
    shape = raw.translate(_SHAPE)
    if shape.count(b"aA") * _NOISE_RATIO > len(raw):
        return b""
    parts = []
    at = end = 0
    hump = shape.find(b"aA")
    while hump >= 0:
        start = max(at, shape.rfind(b" ", at, hump) + 1)
        parts.append(raw[start : hump + 1])
        at = hump + 1
        hump = shape.find(b"aA", at)
        if end < at:
            end = shape.find(b" ", at)
            end = end if end >= 0 else len(raw)
        if hump < 0 or end < hump:
            parts.append(raw[at:end])
    return b" ".join(parts)


_T = TypeVar("_T", str, bytes)


def _limit(terms: list[_T]) -> set[_T]:
    """Return the distinct terms, only the first of them if they are too many."""
    distinct = set(terms)
    return distinct if len(distinct) <= MOST_TERMS else set(islice(dict.fromkeys(terms), MOST_TERMS))
