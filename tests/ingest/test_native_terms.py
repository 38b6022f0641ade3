"""Search terms and their hashes in C are what they are in Python."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from observability.ingest import native
from observability.ingest.search import encode_hashes, find_lexemes
from observability.ingest.terms import hash_term, search_terms
from tests.ingest.searched_texts import (
    ascii_texts,
    list_terms_that_collide,
    list_texts_of_many,
    make_text_that_collides,
)

pytestmark = pytest.mark.skipif(not native.is_compiled(), reason="no C compiler was found when this was set up")

END = b"\0\0\0"
_terms = st.binary(min_size=1, max_size=70).filter(lambda term: b"\0" not in term)


def _split(lexemes: bytes) -> list[bytes]:
    *terms, rest = lexemes.split(END)
    assert rest == b""
    return terms


def _find_in_c(text: str) -> list[bytes]:
    found = native.find_terms(text.encode())
    assert found is not None
    return sorted(_split(found))


def _hash_in_c(terms: list[bytes]) -> list[int]:
    found = native.hash_terms(b"".join(term + END for term in terms))
    assert found is not None
    elements = list(struct.iter_unpack(">ii", found))
    assert {size for size, _ in elements} <= {4}
    return sorted(value for _, value in elements)


@example("")
@example("\0")
@example("getUserName get_user_name HTTPServer2Go __init__ _A a_ _ aB")
@example("\0user\0Name userName\0X_y\0")
@example("aB" * 40)
@example("x" * 64 + "Y_" + "z" * 65)
@given(ascii_texts)
def test_find_terms__any_ascii_text__are_the_terms_of_python(text: str) -> None:
    assert _find_in_c(text) == sorted(search_terms(text))


@pytest.mark.parametrize("count", [2047, 2048, 4094, 4095, 4096, 4097, 9000])
def test_find_terms__about_as_many_as_may_be__are_the_terms_of_python(count: int) -> None:
    texts = list_texts_of_many(count)

    assert [_find_in_c(text) for text in texts] == [sorted(search_terms(text)) for text in texts]


@pytest.mark.parametrize("filler", range(-2, 3))
def test_find_terms__about_as_many_humps_as_noise_has__are_the_terms_of_python(filler: int) -> None:
    text = "aB" * 10 + " " * (60 + filler)

    assert _find_in_c(text) == sorted(search_terms(text))


@given(st.lists(_terms, max_size=40).map(lambda terms: terms + terms[:3]))
def test_hash_terms__any_terms__are_the_hashes_of_python(terms: list[bytes]) -> None:
    assert _hash_in_c(terms) == sorted({hash_term(term) for term in terms})


@pytest.mark.parametrize("count", [15, 16, 17, 5000])
def test_hash_terms__one_letter_or_many_terms__are_the_hashes_of_python(count: int) -> None:
    terms = [b"%x" % number for number in range(count)]

    assert _hash_in_c(terms) == sorted({hash_term(term) for term in terms})


def test_find_lexemes__words_made_to_collide__are_found_by_python() -> None:
    text = make_text_that_collides(300)

    assert native.find_terms(text.encode()) is None
    assert set(_split(find_lexemes(text))) == search_terms(text)


def test_encode_hashes__terms_made_to_collide__are_hashed_by_python() -> None:
    terms = list_terms_that_collide(300)
    lexemes = b"".join(term + END for term in terms)

    encoded = encode_hashes(lexemes)

    assert native.hash_terms(lexemes) is None
    assert {value for _, value in struct.iter_unpack(">ii", encoded[20:])} == {hash_term(term) for term in terms}
