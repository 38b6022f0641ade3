"""The lines of a cost, each multiplied again by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from observability.flags import EventFlag
from observability.selectors.event_costs import explain_cost


def _row(**given: Any) -> dict[str, Any]:
    classes = ("input", "cached_input", "cache_write", "output", "reasoning", "audio_in", "audio_out", "total")
    return {
        "kind": "ai",
        "provider": "openai",
        "model": "gpt-4o",
        "started_at": datetime(2025, 6, 1, 12, tzinfo=UTC),
        "cost_micros": None,
        "flags": 0,
        **{f"{name}_tokens": None for name in classes},
        **given,
    }


def _lines(row: dict[str, Any]) -> list[tuple[str, int, str, str]]:
    pricing = explain_cost(row)
    assert pricing is not None
    return [(line.token_class, line.tokens, line.usd_per_million, line.cost_usd) for line in pricing.cost_lines]


def test_cost__flat_rates__a_line_a_class_that_adds_up() -> None:
    # gpt-4o: $2.50 in, $1.25 cached, $10 out for a million: 2250 + 125 + 500 = 2875 millionths.
    row = _row(input_tokens=900, cached_input_tokens=100, output_tokens=50, cost_micros=2875)

    pricing = explain_cost(row)

    assert _lines(row) == [
        ("input", 900, "2.5", "0.00225"),
        ("cached_input", 100, "1.25", "0.000125"),
        ("output", 50, "10", "0.0005"),
    ]
    assert pricing is not None
    assert (pricing.basis, pricing.reason, pricing.list_cost_micros) == ("computed", None, 2875)
    assert str(pricing.source).startswith("genai-prices ")
    assert str(pricing.source).endswith(": openai gpt-4o")


def test_cost__reasoning_tokens__at_the_price_of_output() -> None:
    # o3-mini: $1.10 in, $4.40 out for a million.
    assert _lines(_row(model="o3-mini", input_tokens=1000, output_tokens=10, reasoning_tokens=200)) == [
        ("input", 1000, "1.1", "0.0011"),
        ("output", 10, "4.4", "0.000044"),
        ("reasoning", 200, "4.4", "0.00088"),
    ]


def test_cost__input_reaches_a_tier__all_of_it_at_the_rate_of_the_tier() -> None:
    # gemini-2.5-pro: above 200,000 tokens of input $2.50 in and $15 out, below $1.25 and $10.
    google = {"provider": "google", "model": "gemini-2.5-pro"}

    assert _lines(_row(**google, input_tokens=300_000, output_tokens=1000)) == [
        ("input", 300_000, "2.5", "0.75"),
        ("output", 1000, "15", "0.015"),
    ]
    assert _lines(_row(**google, input_tokens=200_000, output_tokens=1000))[0] == ("input", 200_000, "1.25", "0.25")


def test_cost__stated_by_the_sender__said_beside_what_the_list_comes_to() -> None:
    pricing = explain_cost(_row(input_tokens=1000, output_tokens=0, cost_micros=77, flags=EventFlag.COST_STATED))

    assert pricing is not None
    assert (pricing.basis, pricing.list_cost_micros) == ("stated", 2500)


def test_cost__unknown__with_the_reason() -> None:
    used = {"input_tokens": 10, "output_tokens": 1}
    rows = [
        _row(**used, model=None),
        _row(),
        _row(**used, provider=None, model="house-model-7"),
    ]

    found = [explain_cost(row) for row in rows]

    assert [pricing and pricing.reason for pricing in found] == ["no_model", "no_usage", "unknown_model"]
    assert [pricing and pricing.basis for pricing in found] == ["unknown"] * 3


def test_cost__not_a_model_call__none() -> None:
    assert explain_cost(_row(kind="tool")) is None
