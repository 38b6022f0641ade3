"""Token counts, sorted into classes that exclude one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.otlp.usage import Counts, as_count, as_micros, read_provider_usage, read_usage
from observability.ingest.records import Usage

counts = st.none() | st.integers(0, 10_000)


def test_usage__nothing_sent__none() -> None:
    assert read_usage(Counts()) == (None, None)


def test_usage__only_a_total__half_each_and_marked() -> None:
    usage, warning = read_usage(Counts(total=101))

    assert usage == Usage(input=50, output=51, total=101, estimated=True)
    assert warning is None


def test_usage__input_and_output__total_is_their_sum() -> None:
    assert read_usage(Counts(input=10, output=5))[0] == Usage(input=10, output=5, total=15)


def test_usage__zero_is_not_unknown__stays_zero() -> None:
    usage, _ = read_usage(Counts(input=10, output=0, cached=0))

    assert usage == Usage(input=10, output=0, cached_input=0, total=10)


def test_usage__total_beside_the_counts__kept_with_a_warning() -> None:
    usage, warning = read_usage(Counts(input=10, output=5, total=99))

    assert usage == Usage(input=10, output=5, total=99)
    assert warning == "tokens do not add up: input 10, output 5, total 99"


def test_usage__inclusive_by_the_sum__details_are_taken_out() -> None:
    usage, warning = read_usage(
        Counts(input=100, output=50, total=150, cached=60, audio_in=10, reasoning=20, audio_out=5)
    )

    assert usage == Usage(input=30, cached_input=60, audio_in=10, output=25, reasoning=20, audio_out=5, total=150)
    assert warning is None


def test_usage__expected_inclusive_but_sum_says_beside__sum_decides() -> None:
    usage, warning = read_usage(Counts(input=100, output=50, total=210, cached=60))

    assert usage == Usage(input=100, cached_input=60, output=50, total=210)
    assert warning is None


def test_usage__more_cached_than_input__must_be_beside() -> None:
    usage, warning = read_usage(Counts(input=30, output=12, cached=200, cache_write=10))

    assert usage == Usage(input=30, cached_input=200, cache_write=10, output=12, total=252)
    assert warning is None


def test_usage__no_reading_adds_up__dialects_reading_with_a_warning() -> None:
    usage, warning = read_usage(Counts(input=100, output=50, total=7, cached=60))

    assert usage == Usage(input=40, cached_input=60, output=50, total=7)
    assert warning is not None


@given(
    st.builds(
        Counts,
        input=counts,
        output=counts,
        total=counts,
        cached=counts,
        cache_write=counts,
        reasoning=counts,
        audio_in=counts,
        audio_out=counts,
        is_input_inclusive=st.booleans(),
        is_output_inclusive=st.booleans(),
    )
)
def test_usage__any_counts__classes_add_up_or_a_warning_says_so(sent: Counts) -> None:
    usage, warning = read_usage(sent)

    classes = [getattr(usage, name) for name in Usage.__struct_fields__[:7]] if usage else []
    known = [value for value in classes if value is not None]
    assert all(value >= 0 for value in known)
    assert warning is not None or usage is None or sum(known) == usage.total


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            {"prompt_tokens": 120, "completion_tokens": 45, "total_tokens": 165,
             "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 6},
             "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 5}},
            Usage(input=50, cached_input=64, audio_in=6, output=20, reasoning=20, audio_out=5, total=165),
        ),
        (
            {"input_tokens": 120, "output_tokens": 45, "total_tokens": 165,
             "input_tokens_details": {"cached_tokens": 64}, "output_tokens_details": {"reasoning_tokens": 20}},
            Usage(input=56, cached_input=64, output=25, reasoning=20, total=165),
        ),
        (
            {"input_tokens": 300, "output_tokens": 12, "cache_read_input_tokens": 200,
             "cache_creation_input_tokens": 10},
            Usage(input=300, cached_input=200, cache_write=10, output=12, total=522),
        ),
        (
            {"promptTokenCount": 100, "candidatesTokenCount": 20, "thoughtsTokenCount": 30,
             "cachedContentTokenCount": 40, "totalTokenCount": 150},
            Usage(input=60, cached_input=40, output=20, reasoning=30, total=150),
        ),
        (
            {"input": 30, "output": 12, "input_cached_tokens": 20, "output_reasoning_tokens": 8, "total": 70},
            Usage(input=30, cached_input=20, output=12, reasoning=8, total=70),
        ),
        ({"unrelated": 1}, None),
    ],
    ids=["openai chat", "openai responses", "anthropic", "gemini", "langfuse", "nothing"],
)  # fmt: skip
def test_provider_usage__each_provider__its_inclusions_are_known(
    sent: dict[str, object], expected: Usage | None
) -> None:
    usage, warning = read_provider_usage(sent)

    assert usage == expected
    assert warning is None


@pytest.mark.parametrize(
    ("value", "count"),
    [(5, 5), ("5", 5), (5.0, 5), (5.5, None), (-1, None), (True, None), ("x", None), (10**30, None), ([], None)],
)
def test_count__each_form__number_or_unknown(value: object, count: int | None) -> None:
    assert as_count(value) == count


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (0.00067, 670),
        (0.1, 100_000),
        ("1.5", 1_500_000),
        (2, 2_000_000),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        ("a lot", None),
        ("1" * 50, None),
        (None, None),
        (True, None),
    ],
)
def test_micros__each_form__exact_or_unknown(value: object, micros: int | None) -> None:
    assert as_micros(value) == micros
