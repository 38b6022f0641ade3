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
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_WORD = re.compile(r"\w+")
_RUN = re.compile(rf"([{_UNSPACED}]+)|[^{_UNSPACED}]+")
_HAS_UNSPACED = re.compile(rf"[{_UNSPACED}]")

_WORD_BYTES = b"abcdefghijklmnopqrstuvwxyz0123456789_"
_FOLD = bytes(byte if (byte := bytes([code]).lower()[0]) in _WORD_BYTES else 32 for code in range(256))
_SHAPE = bytes(65 if chr(code).isupper() else 97 if chr(code).isalnum() else 32 for code in range(128)) + b" " * 128
_RUNS = bytes(32 if code == 32 else 97 for code in range(256))
_TOO_LONG = b"a" * (TERM_LENGTH + 1)
_NOISE_RATIO = 8
"""Text where a new word would begin inside every few characters is encoded data, not names."""


def search_terms(text: str) -> set[str]:
    """Return the terms a text is found by. About 8 µs per KB of ASCII, 20 of other alphabets, 150 of Chinese."""
    if not text.isascii():
        return _search_unicode_terms(text)
    raw = text.encode()
    folded = raw.translate(_FOLD)
    words = folded.decode().split()
    terms = set(words)
    if _TOO_LONG in folded.translate(_RUNS) or len(words) > MOST_TERMS // 2:
        return _bound(words + _split_names(raw, terms))
    terms.update(_split_names(raw, terms))
    return terms


def query_terms(text: str) -> set[str]:
    """Return the terms that a text must all have to match the query; empty if the query has no word."""
    terms: list[str] = []
    for word, is_unspaced in _split_words(text):
        if is_unspaced and len(word) > 1:
            terms += _pair(word)
        else:
            terms.append(word)
    return _bound(terms)


def _search_unicode_terms(text: str) -> set[str]:
    terms: list[str] = []
    for word, is_unspaced in _split_words(text):
        if is_unspaced:
            terms += word
            terms += _pair(word)
        else:
            terms.append(word)
    raw = text.encode("ascii", "replace")
    return _bound(terms + _split_names(raw, set(terms)))


def _split_words(text: str) -> list[tuple[str, bool]]:
    """Return each word, normalised, and whether it is a run of a script without spaces."""
    normal = unicodedata.normalize("NFKC", text)
    folded = unicodedata.normalize("NFKC", normal.casefold())
    words = _WORD.findall(folded)
    if _HAS_UNSPACED.search(folded) is None:
        return [(word, False) for word in words]
    return [(run[0], run[1] is not None) for word in words for run in _RUN.finditer(word)]


def _pair(run: str) -> Iterator[str]:
    return map(operator.add, run, run[1:])


def _split_names(raw: bytes, terms: set[str]) -> list[str]:
    """Return the parts of compound names: `user`, `name` for `user_name` among the terms or `userName` in the text."""
    parts = [part for term in terms if "_" in term for part in term.split("_") if part]
    shape = raw.translate(_SHAPE)
    humps = shape.count(b"aA")
    if humps and humps * _NOISE_RATIO < len(raw):
        parts += _split_humps(raw, shape)
    return parts


def _split_humps(raw: bytes, shape: bytes) -> list[str]:
    """Return the parts of names in which a capital follows a small letter or a digit."""
    parts = []
    at = 0
    hump = shape.find(b"aA")
    while hump >= 0:
        start = max(at, shape.rfind(b" ", at, hump) + 1)
        parts.append(raw[start : hump + 1])
        at = hump + 1
        hump = shape.find(b"aA", at)
        end = shape.find(b" ", at)
        if hump < 0 or 0 <= end < hump:
            parts.append(raw[at : end if end >= 0 else len(raw)])
    return b" ".join(parts).lower().decode().split()


def _bound(words: list[str]) -> set[str]:
    """Return the distinct words, none too long, and the first of them if they are too many."""
    terms = {word[:TERM_LENGTH] for word in words}
    if len(terms) > MOST_TERMS:
        terms = set(islice(dict.fromkeys(word[:TERM_LENGTH] for word in words), MOST_TERMS))
    return terms
