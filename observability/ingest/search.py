"""What a commit can be searched for: a document for each trace, and a segment over the documents of a commit. Pure.

An index entry for each term of each trace was the dearest part of storing an event. A segment is indexed in place of
its documents: each term of some hundred events costs one entry. A search finds segments through their index, which
rules out nearly everything where a word is rare, then looks into the documents of these alone.

A document has the terms themselves, so a match is exact; a segment has 32-bit hashes, which are only ever too broad.

On their way terms are *lexemes*: bytes as a tsvector has them in its binary form, each term with three zeros behind it
(its end, and a list of no positions), in order: Postgres, which sorts them otherwise, sees that it need not.
"""

from __future__ import annotations

import random
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from observability.ingest import native
from observability.ingest.payloads import unescape
from observability.ingest.rows import SearchRow, SegmentRow, TraceKey
from observability.ingest.terms import hash_term, search_terms

_DAY_US = 86_400_000_000
_TSVECTOR_BYTES = 900_000
"""Bytes of lexemes in one tsvector; Postgres allows 2^20 with what it keeps beside them."""
_INT4_OID = 23
_RANDOM_BITS = 11
_END = b"\0\0\0"
_encode = msgspec.msgpack.Encoder().encode

SearchText = str | bytes
"""A plain text, or the beginning of a JSON value."""


def find_lexemes(texts: list[SearchText]) -> bytes:
    """Return the search terms of texts, each once, as lexemes."""
    found = native.find_terms(_encode(texts))
    if found is not None:
        return found
    plain = (text if isinstance(text, str) else unescape(text) for text in texts)
    return _join(sorted(search_terms("\n".join(plain))))


def make_search_rows(
    lexemes: Mapping[TraceKey, list[bytes]], starts: Mapping[TraceKey, tuple[int, int]], *, now_us: int
) -> tuple[list[SearchRow], list[SegmentRow]]:
    """Return the documents of a commit and their segments, one for each project and day.

    Parameters
    ----------
    lexemes
        What the commit adds to each trace, text by text: a term that is in several of them counts once.
    starts
        Start in microseconds and version of each trace to be found; others are left out.
    now_us
        Time of the commit, from which segments have their ids.
    """
    # Ascending with time, so that its index grows at one end; processes need not agree on it.
    segment_id = now_us << _RANDOM_BITS | random.getrandbits(_RANDOM_BITS)
    documents: list[SearchRow] = []
    segments: dict[tuple[int, int], tuple[SegmentRow, list[bytes]]] = {}
    for key, (started_at_us, version) in starts.items():
        place = (key[0], started_at_us // _DAY_US)
        if place not in segments:
            row = SegmentRow(project_id=key[0], started_at_us=started_at_us, segment_id=segment_id, terms=b"")
            segments[place] = row, []
        segment, union = segments[place]
        # The latest of its documents: a search from some time on must not pass over the segment of a later one.
        segment.started_at_us = max(segment.started_at_us, started_at_us)
        document = _unite(lexemes[key])
        union.append(document)
        documents += [
            SearchRow(
                project_id=key[0],
                trace_id=key[1],
                started_at_us=started_at_us,
                version=version,
                part=part,
                segment_id=segment_id,
                terms=encoded,
            )
            for part, encoded in enumerate(encode_lexemes(document))
        ]
    for segment, union in segments.values():
        segment.terms = encode_hashes(b"".join(union))
    return documents, [segment for segment, union in segments.values() if any(union)]


def encode_lexemes(lexemes: bytes) -> Iterator[bytes]:
    """Yield tsvectors without positions in their binary form: a count, then the lexemes.

    One is enough for nearly every document.
    """
    if len(lexemes) < _TSVECTOR_BYTES:
        if lexemes:
            yield lexemes.count(_END).to_bytes(4, "big") + lexemes
        return
    start = 0
    while start < len(lexemes):
        end = lexemes.find(_END, start + _TSVECTOR_BYTES)
        part = lexemes[start:] if end < 0 else lexemes[start : end + len(_END)]
        yield part.count(_END).to_bytes(4, "big") + part
        start += len(part)


def encode_hashes(lexemes: bytes) -> bytes:
    """Return the hashes of terms as an `int4[]` in its binary form: a head, then length and value of each."""
    elements = native.hash_terms(lexemes)
    if elements is None:
        hashes = array("i", sorted({hash_term(term) for term in _split(lexemes)}))
        pairs = array("i", (4,)) * (2 * len(hashes))
        pairs[1::2] = hashes
        if sys.byteorder == "little":
            pairs.byteswap()
        elements = pairs.tobytes()
    return struct.pack(">5i", 1, 0, _INT4_OID, len(elements) // 8, 1) + elements


def _unite(runs: list[bytes]) -> bytes:
    return runs[0] if len(runs) == 1 else _join(sorted(set(_split(b"".join(runs)))))


def _join(terms: Iterable[bytes]) -> bytes:
    return _END.join((*terms, b""))


def _split(lexemes: bytes) -> list[bytes]:
    return lexemes.split(_END)[:-1]
