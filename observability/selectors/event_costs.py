"""How the cost of an event came about: a line a token class, by hand to follow."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from observability.flags import EventFlag
from observability.ingest.prices import PriceExplanation, PriceLine, explain_price
from observability.ingest.records import Usage
from observability.selectors.event_shapes import Basis, CostLine, Pricing

_CLASSES = ("input", "cached_input", "cache_write", "output", "reasoning", "audio_in", "audio_out")


def explain_cost(row: Mapping[str, Any]) -> Pricing | None:
    """Return how the event of a row of columns was priced; None for what neither is a model call nor has a cost.

    The list that is installed now prices it again, as of the day it ran. Where that differs from the stored cost, an
    older list priced it, and both figures are in the answer. No query.
    """
    cost = row["cost_micros"]
    if row["kind"] != "ai" and cost is None:
        return None
    usage = Usage(total=row["total_tokens"], **{name: row[f"{name}_tokens"] for name in _CLASSES})
    found = explain_price(provider=row["provider"], model=row["model"], usage=usage, on=row["started_at"].date())
    is_stated = bool(row["flags"] & EventFlag.COST_STATED)
    basis: Basis = "unknown" if cost is None else "stated" if is_stated else "computed"
    if not isinstance(found, PriceExplanation):
        return Pricing(basis=basis, reason=found)
    return Pricing(
        basis=basis,
        cost_lines=[_make_line(line) for line in found.lines],
        list_cost_micros=found.micros,
        source=found.source,
    )


def _make_line(line: PriceLine) -> CostLine:
    return CostLine(
        token_class=line.token_class,
        tokens=line.tokens,
        usd_per_million=_write(line.usd_per_million),
        cost_usd=_write(line.micros / 1_000_000),
    )


def _write(amount: Decimal) -> str:
    """Return a decimal without an exponent and without zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
