"""Cut a JSON document that the strict decoder refuses into its members, so that one bad item costs only itself.

A batch is one document: a lone surrogate, a NaN or a value nested without end in one event makes the whole of it
unreadable to a strict decoder. These functions find where members begin and end by brackets and quotes alone,
without recursion and without looking inside; the caller then reads each member by itself.

They are slow (a step of Python for each bracket and comma), so `SALVAGE_LIMIT` bounds what they are given.
"""

from __future__ import annotations

import re

from observability.ingest.text import NotJSONError, decode_json

SALVAGE_LIMIT = 4 * 2**20
"""Bytes of a document that is cut up; about a second of work for the worst of them. A larger one is refused whole."""

# Possessive repeats: a long string full of escapes leaves nothing to backtrack into, so memory stays flat.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(_STRING + rb'|[\[\]{},:"]', re.DOTALL)
_QUOTED = re.compile(_STRING, re.DOTALL)
# A document is looked at in runs of so many strings, so that what is made of one run is soon forgotten.
_RUN = re.compile(rb'(?:[^"]*+' + _STRING + rb"){1,10000}+", re.DOTALL)
_MARKS = (b",", b"[", b"{")
_OPENING = frozenset((b"[", b"{"))
_CLOSING = frozenset((b"]", b"}"))


def count_values(document: bytes, *, enough: int) -> int:
    """Return about how many values a JSON document holds, through all levels, before any of them is decoded.

    Brackets and commas are counted where they stand, and apart from strings only when that came to more than `enough`.
    """
    count = sum(map(document.count, _MARKS))
    if count <= enough:
        return count
    count = end = 0
    while count <= enough and (run := _RUN.match(document, end)):
        count += sum(map(_QUOTED.sub(b"", run.group()).count, _MARKS))
        end = run.end()
    return count + sum(map(document[end:].count, _MARKS))


def split_object(document: bytes) -> dict[str, bytes]:
    """Return the members of a JSON object as undecoded text; of equal keys the last wins.

    Raises `NotJSONError` when the document is not one object whose brackets and quotes balance.
    """
    members: dict[str, bytes] = {}
    for member in _split(document, opening=b"{"):
        key, value = _split_member(member)
        members[key] = value
    return members


def split_array(document: bytes) -> list[bytes]:
    """Return the items of a JSON array as undecoded text. Raises `NotJSONError` like `split_object`."""
    return _split(document, opening=b"[")


def _split(document: bytes, *, opening: bytes) -> list[bytes]:
    """Return the pieces between the commas of the outermost brackets."""
    document = document.strip()
    if len(document) > SALVAGE_LIMIT:
        raise NotJSONError(f"malformed, and longer than the {SALVAGE_LIMIT} bytes within which parts are saved")
    if not document.startswith(opening):
        raise NotJSONError("expected an object" if opening == b"{" else "expected a list")
    pieces, depth, start = [], 0, 1
    for token in _TOKEN.finditer(document):
        mark = token.group()
        if mark in _OPENING:
            depth += 1
        elif mark in _CLOSING:
            depth -= 1
        elif mark == b'"':
            raise NotJSONError("a text has no end")
        if depth == 0 or (depth == 1 and mark == b","):
            pieces.append(document[start : token.start()].strip())
            start = token.end()
        if depth == 0:
            break
    if depth or start != len(document):
        raise NotJSONError("brackets or quotes do not balance")
    return [] if pieces == [b""] else pieces


def _split_member(member: bytes) -> tuple[str, bytes]:
    """Return key and value text of `"key": value`."""
    quoted = _TOKEN.match(member)
    if quoted is None or not member.startswith(b'"'):
        raise NotJSONError("a key is not in quotes")
    colon, value = (member[quoted.end() :].lstrip()[:1], member[quoted.end() :].lstrip()[1:].strip())
    if colon != b":":
        raise NotJSONError("a key has no value")
    return str(decode_json(quoted.group())), value
