"""Search terms, their hashes and previews in C are what they are in Python, and in the same order."""

from __future__ import annotations

import string
import struct

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from observability.ingest import native
from observability.ingest.payloads import make_previews, preview, unescape
from observability.ingest.search import SearchText, find_lexemes
from observability.ingest.terms import hash_term, search_terms
from tests.ingest.searched_texts import (
    ODD_ESCAPES,
    ascii_texts,
    conversations,
    list_texts_of_many,
    make_dense_text,
    make_text_that_collides,
    odd_json,
    plain_json,
)

pytestmark = pytest.mark.skipif(not native.is_compiled(), reason="no C compiler was found when this was set up")

END = b"\0\0\0"
_terms = st.binary(min_size=1, max_size=70).filter(lambda term: b"\0" not in term)


def _split(lexemes: bytes) -> list[bytes]:
    *terms, rest = lexemes.split(END)
    assert rest == b""
    return terms


def _find_in_c(*texts: SearchText) -> list[bytes]:
    found = native.find_terms(msgspec.msgpack.encode(texts))
    assert found is not None
    return _split(found)


def _find_in_python(*texts: SearchText) -> list[bytes]:
    return sorted(search_terms("\n".join(text if isinstance(text, str) else unescape(text) for text in texts)))


def _hash_in_c(terms: list[bytes]) -> list[int]:
    found = native.hash_terms(b"".join(term + END for term in terms))
    assert found is not None
    elements = list(struct.iter_unpack(">ii", found))
    assert {size for size, _ in elements} <= {4}
    return [value for _, value in elements]


def _preview_in_c(values: list[bytes | None]) -> list[str | None]:
    found = native.make_previews(
        msgspec.msgpack.encode([value and value[: native.PREVIEWED_BYTES] for value in values])
    )
    assert found is not None
    return msgspec.msgpack.decode(found, type=list[str | None])


# -- terms -------------------------------------------------------------------------------------------------------------


@example("")
@example("\0")
@example("getUserName get_user_name HTTPServer2Go __init__ _A a_ _ aB")
@example("\0user\0Name userName\0X_y\0")
@example("aB" * 40)
@example("x" * 64 + "Y_" + "z" * 65)
@given(ascii_texts)
def test_find_terms__any_ascii_text__are_the_terms_of_python(text: str) -> None:
    assert _find_in_c(text) == _find_in_python(text)


@given(st.lists(ascii_texts | plain_json, max_size=6))
def test_find_terms__texts_and_plain_json__are_the_terms_of_python(texts: list[SearchText]) -> None:
    assert _find_in_c(*texts) == _find_in_python(*texts)


@given(st.lists(st.text() | odd_json | plain_json, max_size=3))
def test_find_lexemes__whatever_is_given__are_the_terms_of_python(texts: list[SearchText]) -> None:
    assert _split(find_lexemes(texts)) == _find_in_python(*texts)


@given(plain_json, st.data())
def test_find_terms__json_cut_off_anywhere__are_the_terms_of_python(value: bytes, data: st.DataObject) -> None:
    head = value[: data.draw(st.integers(0, len(value)))]

    assert _find_in_c(head) == _find_in_python(head)


@pytest.mark.parametrize("count", [2047, 2048, 4094, 4095, 4096, 4097, 9000])
def test_find_terms__about_as_many_as_may_be__are_the_terms_of_python(count: int) -> None:
    texts = list_texts_of_many(count)

    assert [_find_in_c(text) for text in texts] == [_find_in_python(text) for text in texts]


@pytest.mark.parametrize("count", range(1, 40))
def test_find_lexemes__dense_text_of_any_size__are_the_terms_of_python(count: int) -> None:
    text = make_dense_text(count)

    assert _split(find_lexemes([text])) == _find_in_python(text)


@pytest.mark.parametrize("beginning", ["", "x", "four", "eight888", "nine99999", "seventeen17171717"])
@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 18, 300])
def test_find_terms__many_with_one_beginning__are_in_order(beginning: str, count: int) -> None:
    text = " ".join(f"{beginning}{number * 7919 % 1009:o}" for number in range(count))

    assert _find_in_c(text) == _find_in_python(text)


def test_find_terms__that_differ_in_their_ninth_letter__are_all_found() -> None:
    letters = string.ascii_lowercase + string.digits
    for number in range(100):
        words = [f"word{number:04}{letter}" for letter in letters]

        assert _find_in_c(" ".join(words)) == sorted(word.encode() for word in words)


@pytest.mark.parametrize("filler", range(-2, 3))
def test_find_terms__about_as_many_humps_as_noise_has__are_the_terms_of_python(filler: int) -> None:
    text = "aB" * 10 + " " * (60 + filler)

    assert _find_in_c(text) == _find_in_python(text)


def test_find_lexemes__words_made_to_collide__are_found_by_python() -> None:
    text = make_text_that_collides(300)

    assert native.find_terms(msgspec.msgpack.encode([text])) is None
    assert _split(find_lexemes([text])) == _find_in_python(text)


# -- hashes ------------------------------------------------------------------------------------------------------------


@given(st.lists(_terms, max_size=40).map(lambda terms: terms + terms[:3]))
def test_hash_terms__any_terms__are_the_hashes_of_python(terms: list[bytes]) -> None:
    assert _hash_in_c(terms) == sorted({hash_term(term) for term in terms})


@pytest.mark.parametrize("count", [15, 16, 17, 5000])
def test_hash_terms__one_letter_or_many_terms__are_the_hashes_of_python(count: int) -> None:
    terms = [b"%x" % number for number in range(count)]

    assert _hash_in_c(terms) == sorted({hash_term(term) for term in terms})


# -- previews ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.none() | plain_json | odd_json | conversations, max_size=6))
def test_make_previews__whatever_is_given__are_the_previews_of_python(values: list[bytes | None]) -> None:
    assert make_previews(values) == [None if value is None else preview(value) for value in values]


@given(plain_json.filter(lambda value: b"role" not in value))
def test_make_previews__plain_json__is_read_in_c(value: bytes) -> None:
    assert _preview_in_c([value, None]) == [preview(value), None]


@pytest.mark.parametrize("piece", [b"x", b"word ", b" ", b"word" + b" " * 50, b"\\n", b"\\\\", b'\\"', b"\n\t"])
@pytest.mark.parametrize("first", [b"", b'"', b'" ', b"  "])
def test_make_previews__about_as_long_as_a_bound__are_read_in_c_as_in_python(piece: bytes, first: bytes) -> None:
    long = first + piece * 5_000
    sizes = [*range(196, 206), *range(398, 404), *range(804, 812), 4096, 4097, 4098]
    values = [long, *(long[:size] for size in sizes), *(long[: size - 1] + b'"' for size in sizes)]

    assert _preview_in_c([*values]) == [preview(value) for value in values]


@pytest.mark.parametrize("escape", ODD_ESCAPES)
def test_previews_and_terms__one_odd_escape__are_what_they_are_in_python(escape: str) -> None:
    value = f'"one{escape}two {escape} three{escape}'.encode()

    assert make_previews([value]) == [preview(value)]
    assert _split(find_lexemes([value])) == _find_in_python(value)


@pytest.mark.parametrize("special", [*ODD_ESCAPES, "\x1f", '\\"', "\\n", "\n", "\t", "\x7f", "[", "]", "~", "}"])
def test_previews_and_terms__anything_special_at_any_place__are_what_they_are_in_python(special: str) -> None:
    values = [f"{'a' * place}{special}{'b' * rest}".encode() for place in range(18) for rest in (0, 1, 7, 8, 9)]

    assert make_previews([*values]) == [preview(value) for value in values]
    assert [_split(find_lexemes([value])) for value in values] == [_find_in_python(value) for value in values]


@pytest.mark.parametrize("place", [0, *range(248, 260), 803, 804, 805, *range(4080, 4098)])
def test_make_previews__role_about_where_it_is_not_looked_for__is_read_in_c_as_in_python(place: int) -> None:
    value = b'["%s",{"role":"user","content":"said"}]' % (b"x" * place)

    assert make_previews([value]) == [preview(value)]
