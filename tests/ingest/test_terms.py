from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.terms import MOST_TERMS, TERM_LENGTH, query_terms
from observability.ingest.terms import search_terms as search_encoded_terms


def search_terms(text: str) -> set[str]:
    return {term.decode() for term in search_encoded_terms(text)}


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Refund the ORDER please", "order refund"),
        ('{"city":"Köln","note":"Straße"}', "köln STRASSE"),
        ("\uff46\uff55\uff4c\uff4c width \ufb01le", "full file"),
        ("def getUserName(): app.get_user", "user"),
        ("getUserName", "getusername"),
        ("get_user_name", "get_user_name"),
        ("client.HTTPServer2Go", "go"),
        ("“userName”—said", "user said"),
        ("MüllerName", "müller name"),
        ("東京都の天気予報です", "天気"),
        ("東京都の天気予報です", "都"),
        ("GPT模型", "gpt 模型"),
        ("ไทยแลนด์", "แลนด์"),
        ("한국어를 배우다", "한국"),
        ("price: 3.14 EUR", "3.14"),
        ("req-0a1b2c", "req-0a1b2c"),
    ],
)
def test_search_terms__text_that_holds_the_query__is_found(text: str, query: str) -> None:
    assert query_terms(query) <= search_terms(text)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Refund the order", "refund invoice"),
        ("chatHandler", "handle"),
        ("resume", "résumé"),
        ("get_user_by_id", "get_user"),
        ("天 気", "天気"),
    ],
)
def test_search_terms__text_without_the_query__is_not_found(text: str, query: str) -> None:
    assert not query_terms(query) <= search_terms(text)


@pytest.mark.parametrize("text", ["", "   ", "!?…", "{}[]:,"])
def test_query_terms__no_word__is_empty(text: str) -> None:
    assert query_terms(text) == set()


@given(text=st.text(max_size=200))
def test_query_terms__any_text__finds_itself(text: str) -> None:
    assert query_terms(text) <= search_terms(text)


@given(text=st.text(alphabet="aAbB1_ .-é東京😀", max_size=60))
def test_search_terms__names_and_scripts_mixed__find_themselves(text: str) -> None:
    assert query_terms(text) <= search_terms(text)


@given(text=st.text(alphabet=st.characters(), max_size=100))
def test_search_terms__any_text__gives_bounded_lower_case_words(text: str) -> None:
    terms = search_terms(text)

    assert all(0 < len(term) <= TERM_LENGTH for term in terms)
    assert all(term == term.casefold() and " " not in term for term in terms)


def test_search_terms__long_word__counts_to_its_limit() -> None:
    assert search_terms("x" * 100) == {"x" * TERM_LENGTH}
    assert query_terms("x" * 80) == {"x" * TERM_LENGTH}


def test_search_terms__too_many_words__keeps_the_first() -> None:
    terms = search_terms(" ".join(f"w{number}" for number in range(2 * MOST_TERMS)))

    assert terms == {f"w{number}" for number in range(MOST_TERMS)}


def test_search_terms__encoded_data__is_not_taken_apart() -> None:
    blob = "aB1cD2eF3gH4iJ5kL6" * 3

    assert search_terms(blob) == {blob.lower()}


def test_terms__long_part_of_a_name__cut_like_any_word() -> None:
    terms = search_terms("said imageData" + "A" * 4000 + " and more words after it, so that it is no noise")

    assert max(map(len, terms)) == 64
