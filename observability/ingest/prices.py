"""What a model call cost, from the price list that `genai-prices` ships. Unknown stays unknown (None), never 0.

The library takes about 80 microseconds a call; its flat rates are read once per model and day, and multiplied here.
Calls that reach a tier, or that use a token class without a flat rate, are left to the library itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import Literal, NamedTuple

from genai_prices import Usage as PriceUsage
from genai_prices import calc_price
from genai_prices.types import ModelPrice, PriceCalculation, TieredPrices

from observability.ingest.records import Usage

_CLASS_RATES = (
    ("input", "input_mtok"),
    ("cached_input", "cache_read_mtok"),
    ("cache_write", "cache_write_mtok"),
    ("output", "output_mtok"),
    ("reasoning", "output_mtok"),
)
_AUDIO_RATES = (("audio_in", "input_audio_mtok"), ("audio_out", "output_audio_mtok"))


_PARTS = 10**18
"""Of a dollar, as finely as any rate of the list. Whole parts add up exactly, and five times as fast as decimals."""


class _Rates:
    """Flat prices per million tokens in whole parts of a dollar, and the input size from which they no longer hold."""

    def __init__(self, price: ModelPrice) -> None:
        self.by_class: dict[str, int] = {}
        self.flat_below: int | None = None
        for token_class, attribute in _CLASS_RATES:
            rate = getattr(price, attribute, None)
            if isinstance(rate, TieredPrices):
                starts = [tier.start for tier in rate.tiers]
                self.flat_below = min([*starts, self.flat_below or min(starts)])
                rate = rate.base
            if isinstance(rate, Decimal) and (parts := rate * _PARTS) == int(parts):
                self.by_class[token_class] = int(parts)


class PriceLine(NamedTuple):
    """What the tokens of one class cost: `tokens` times `usd_per_million`, in millionths of a dollar."""

    token_class: str
    tokens: int
    usd_per_million: Decimal
    micros: Decimal


class PriceExplanation(NamedTuple):
    """How the list comes to a cost: `micros` is rounded as it is stored; no lines where the list mixes its rates."""

    lines: tuple[PriceLine, ...]
    micros: int
    source: str


Unpriced = Literal["no_model", "no_usage", "unknown_model", "unpriced_class"]
"""Why a model call has no price."""


def price_usage(*, provider: str | None, model: str, usage: Usage, on: date) -> int | None:
    """Return the cost in millionths of a US dollar, or None when the model or a used token class has no price.

    Dollars per million tokens are millionths of a dollar per token, so no unit needs converting.
    """
    if usage.input is None and usage.output is None:
        return None
    rates = _find_rates(provider, model, on)
    if rates is None:
        return None
    is_flat = rates.flat_below is None or _count_read(usage) < rates.flat_below
    if not is_flat or usage.audio_in or usage.audio_out:
        return _ask_library(provider, model, usage, on)
    parts = 0
    for token_class, _ in _CLASS_RATES:
        if count := getattr(usage, token_class):
            rate = rates.by_class.get(token_class)
            if rate is None:
                return _ask_library(provider, model, usage, on)
            parts += count * rate
    return (2 * parts + _PARTS) // (2 * _PARTS)


def explain_price(*, provider: str | None, model: str | None, usage: Usage, on: date) -> PriceExplanation | Unpriced:
    """Return how `price_usage` comes to its figure by the price list of today's installation, or why to none."""
    if not model:
        return "no_model"
    if usage.input is None and usage.output is None:
        return "no_usage"
    micros = price_usage(provider=provider, model=model, usage=usage, on=on)
    found = _ask_flat(provider, model, on)
    if found is None:
        return "unknown_model"
    if micros is None:
        return "unpriced_class"
    lines = _make_lines(found.model_price, usage)
    is_whole = _round(sum((line.micros for line in lines), Decimal(0))) == micros
    source = f"genai-prices {version('genai-prices')}: {found.provider.id} {found.model.id}"
    return PriceExplanation(lines if is_whole else (), micros, source)


def _make_lines(price: ModelPrice, usage: Usage) -> tuple[PriceLine, ...]:
    """Return a line for each token class that was used, at the rate of the tier that the input reaches."""
    read = _count_read(usage) + (usage.audio_in or 0)
    lines = []
    for token_class, attribute in (*_CLASS_RATES, *_AUDIO_RATES):
        tokens = getattr(usage, token_class)
        rate = getattr(price, attribute, None)
        if isinstance(rate, TieredPrices):
            rate = next((tier.price for tier in reversed(rate.tiers) if read > tier.start), rate.base)
        if tokens and isinstance(rate, Decimal):
            lines.append(PriceLine(token_class, tokens, rate, tokens * rate))
    return tuple(lines)


def _count_read(usage: Usage) -> int:
    return (usage.input or 0) + (usage.cached_input or 0) + (usage.cache_write or 0)


def _round(micros: Decimal) -> int:
    return int(micros.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _ask_library(provider: str | None, model: str, usage: Usage, on: date) -> int | None:
    counted = PriceUsage(
        input_tokens=_count_read(usage) + (usage.audio_in or 0),
        cache_read_tokens=usage.cached_input,
        cache_write_tokens=usage.cache_write,
        output_tokens=(usage.output or 0) + (usage.reasoning or 0) + (usage.audio_out or 0),
        input_audio_tokens=usage.audio_in,
        output_audio_tokens=usage.audio_out,
    )
    found = _try_providers(
        provider, lambda name: calc_price(counted, model, provider_id=name, genai_request_timestamp=_noon(on))
    )
    return None if found is None else _round(found.total_price * 1_000_000)


@lru_cache(maxsize=4096)
def _find_rates(provider: str | None, model: str, on: date) -> _Rates | None:
    found = _ask_flat(provider, model, on)
    return None if found is None else _Rates(found.model_price)


def _ask_flat(provider: str | None, model: str, on: date) -> PriceCalculation | None:
    """Return what the library knows of a model, by asking the price of one token."""
    probe = PriceUsage(input_tokens=1, output_tokens=1)
    return _try_providers(
        provider, lambda name: calc_price(probe, model, provider_id=name, genai_request_timestamp=_noon(on))
    )


def _try_providers(provider: str | None, ask: Callable[[str | None], PriceCalculation]) -> PriceCalculation | None:
    """Ask for the stated provider first, then for any that knows the model."""
    for name in (provider, None) if provider else (None,):
        try:
            return ask(name)
        except (LookupError, ValueError):
            continue
    return None


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)
