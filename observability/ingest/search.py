"""What a commit can be searched for: a document for each trace, and a segment over the documents of a commit. Pure.

An index entry for each term of each trace was the dearest part of storing an event. A segment is indexed in place of
its documents: each term of some hundred events costs one entry. A search finds segments through their index, which
rules out nearly everything where a word is rare, then looks into the documents of these alone.

A document has the terms themselves, so a match is exact; a segment has 32-bit hashes, which are only ever too broad.
"""

from __future__ import annotations

import random
import struct
import sys
from array import array
from collections.abc import Iterator, Mapping

from observability.ingest.rows import SearchRow, SegmentRow, TraceKey
from observability.ingest.terms import hash_term

_DAY_US = 86_400_000_000
_TSVECTOR_BYTES = 900_000
"""Bytes of lexemes in one tsvector; Postgres allows 2^20 with what it keeps beside them."""
_INT4_OID = 23
_RANDOM_BITS = 11


def make_search_rows(
    terms: Mapping[TraceKey, set[bytes]], starts: Mapping[TraceKey, tuple[int, int]], *, now_us: int
) -> tuple[list[SearchRow], list[SegmentRow]]:
    """Return the documents of a commit and their segments, one for each project and day.

    Parameters
    ----------
    terms
        What the commit adds to each trace.
    starts
        Start in microseconds and version of each trace to be found; others are left out.
    now_us
        Time of the commit, from which segments have their ids.
    """
    # Ascending with time, so that its index grows at one end; processes need not agree on it.
    segment_id = now_us << _RANDOM_BITS | random.getrandbits(_RANDOM_BITS)
    documents: list[SearchRow] = []
    segments: dict[tuple[int, int], tuple[SegmentRow, set[bytes]]] = {}
    for key, (started_at_us, version) in starts.items():
        place = (key[0], started_at_us // _DAY_US)
        if place not in segments:
            row = SegmentRow(project_id=key[0], started_at_us=started_at_us, segment_id=segment_id, terms=b"")
            segments[place] = row, set()
        segment, union = segments[place]
        # The latest of its documents: a search from some time on must not pass over the segment of a later one.
        segment.started_at_us = max(segment.started_at_us, started_at_us)
        union |= terms[key]
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
            for part, encoded in enumerate(encode_terms(terms[key]))
        ]
    for segment, union in segments.values():
        segment.terms = encode_hashes(union)
    return documents, [segment for segment, union in segments.values() if union]


def encode_terms(terms: set[bytes]) -> Iterator[bytes]:
    """Yield tsvectors without positions in their binary form: a count, then each lexeme with an empty list.

    One is enough for nearly every set. Postgres sorts the lexemes.
    """
    encoded = _encode_lexemes(list(terms))
    if len(encoded) + len(terms) < _TSVECTOR_BYTES:
        if terms:
            yield encoded
        return
    lexemes = sorted(terms)
    first, weight = 0, 0
    for place, lexeme in enumerate(lexemes):
        weight += len(lexeme) + 4
        if weight > _TSVECTOR_BYTES:
            yield _encode_lexemes(lexemes[first:place])
            first, weight = place, len(lexeme) + 4
    yield _encode_lexemes(lexemes[first:])


def _encode_lexemes(lexemes: list[bytes]) -> bytes:
    return len(lexemes).to_bytes(4, "big") + b"\0\0\0".join([*lexemes, b""])


def encode_hashes(terms: set[bytes]) -> bytes:
    """Return the hashes of terms as an `int4[]` in its binary form: a head, then length and value of each."""
    hashes = array("i", {hash_term(term) for term in terms})
    elements = array("i", (4,)) * (2 * len(hashes))
    elements[1::2] = hashes
    if sys.byteorder == "little":
        elements.byteswap()
    return struct.pack(">5i", 1, 0, _INT4_OID, len(hashes), 1) + elements.tobytes()
