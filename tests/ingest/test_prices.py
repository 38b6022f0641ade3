"""Costs from whole numbers are those from decimals."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from genai_prices import Usage as PriceUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.prices import explain_price, price_usage
from observability.ingest.records import Usage

DAY = date(2026, 6, 1)
_counts = st.none() | st.integers(0, 40_000)
_usages = st.builds(Usage, input=_counts, cached_input=_counts, cache_write=_counts, output=_counts, reasoning=_counts)
_models = st.sampled_from(
    ["gpt-4o", "gpt-4o-mini", "o3-mini", "claude-sonnet-4-5", "claude-3-5-haiku-latest", "google/gemini-2.5-flash"]
)
"""The last costs 0.0833333333333333 dollars for a million tokens written to its cache."""


@given(_usages, _models)
def test_price_usage__flat_rates__is_the_rounded_sum_of_the_decimal_lines(usage: Usage, model: str) -> None:
    found = explain_price(provider=None, model=model, usage=usage, on=DAY)

    if isinstance(found, str):
        assert price_usage(provider=None, model=model, usage=usage, on=DAY) is None
    elif found.lines:
        exact = sum((line.tokens * line.usd_per_million for line in found.lines), Decimal(0))
        assert found.micros == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@pytest.mark.parametrize("tokens", [1, 2, 3, 199_999, 200_000, 200_001, 333_333])
@pytest.mark.parametrize(("provider", "model"), [("openai", "gpt-4o-mini"), ("google", "gemini-2.5-pro")])
def test_price_usage__below_and_above_a_tier__is_what_the_library_says(provider: str, model: str, tokens: int) -> None:
    usage = Usage(input=tokens, output=tokens)

    cost = price_usage(provider=provider, model=model, usage=usage, on=DAY)

    library = calc_price(PriceUsage(input_tokens=tokens, output_tokens=tokens), model, provider_id=provider)
    assert cost == int((library.total_price * 1_000_000).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def test_price_usage__half_a_millionth__is_rounded_up() -> None:
    # 0.15 dollars per million tokens of input: ten are 1.5 millionths.
    assert price_usage(provider="openai", model="gpt-4o-mini", usage=Usage(input=10), on=DAY) == 2


def test_price_usage__unknown_model_or_no_usage__is_unknown() -> None:
    assert price_usage(provider=None, model="nobody's", usage=Usage(input=1), on=DAY) is None
    assert price_usage(provider="openai", model="gpt-4o", usage=Usage(), on=DAY) is None
