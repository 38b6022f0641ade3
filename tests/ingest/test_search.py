"""What a commit can be searched for: documents and segments."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.rows import SegmentRow, TraceKey
from observability.ingest.search import encode_hashes, encode_lexemes, make_search_rows
from observability.ingest.terms import hash_term

DAY_US = 86_400_000_000
KEYS = st.tuples(st.integers(1, 3), st.sampled_from(["t-1", "t-2", "t-3", "t-4"]))
TERMS = st.sets(st.binary(min_size=1, max_size=6).filter(lambda term: b"\0" not in term), max_size=8)


def join_lexemes(terms: set[bytes]) -> bytes:
    return b"".join(term + b"\0\0\0" for term in terms)


def read_hashes(encoded: bytes) -> set[int]:
    dimensions, flags, oid, count, first = struct.unpack_from(">5i", encoded)
    assert (dimensions, flags, oid, first) == (1, 0, 23, 1)
    elements = struct.unpack_from(f">{2 * count}i", encoded, 20)
    assert set(elements[::2]) <= {4}
    return set(elements[1::2])


@given(
    terms=st.dictionaries(KEYS, TERMS),
    start_us=st.integers(0, 3 * DAY_US),
    spread_us=st.integers(0, DAY_US),
)
def test_make_search_rows__any_commit__every_document_is_in_a_segment_of_its_project_and_day(
    terms: dict[TraceKey, set[bytes]], start_us: int, spread_us: int
) -> None:
    starts = {key: (start_us + place * spread_us, 1) for place, key in enumerate(terms)}

    lexemes = {key: [join_lexemes(found), join_lexemes(found)] for key, found in terms.items()}
    documents, segments = make_search_rows(lexemes, starts, now_us=5 * DAY_US)

    assert {(document.project_id, document.trace_id) for document in documents} == {key for key in terms if terms[key]}
    for document in documents:
        [segment] = [segment for segment in segments if _holds(segment, document.project_id, document.started_at_us)]
        assert segment.segment_id == document.segment_id
        assert segment.started_at_us >= document.started_at_us
        wanted = {hash_term(term) for term in terms[document.project_id, document.trace_id]}
        assert wanted <= read_hashes(segment.terms)


def _holds(segment: SegmentRow, project_id: int, started_at_us: int) -> bool:
    return (segment.project_id, segment.started_at_us // DAY_US) == (project_id, started_at_us // DAY_US)


@given(terms=st.sets(st.binary(min_size=1, max_size=20).filter(lambda term: b"\0" not in term), max_size=50))
def test_encode_hashes__any_terms__are_each_hash_once(terms: set[bytes]) -> None:
    encoded = encode_hashes(join_lexemes(terms))

    assert read_hashes(encoded) == {hash_term(term) for term in terms}


def test_hash_term__a_known_word__is_its_crc_as_postgres_holds_it() -> None:
    # Stored hashes outlive the code: another function would find nothing of what is there.
    assert hash_term(b"refund") == 0x5B2C1458 - 2**31


def test_encode_lexemes__more_than_a_tsvector_holds__are_several_with_every_term_once() -> None:
    terms = {f"{number:064d}".encode() for number in range(20_000)}

    parts = list(encode_lexemes(join_lexemes(terms)))

    lexemes = [lexeme for part in parts for lexeme in part[4:].split(b"\0\0\0")[:-1]]
    assert len(parts) > 1
    assert all(len(part) < 2**20 for part in parts)
    assert sorted(lexemes) == sorted(terms)
