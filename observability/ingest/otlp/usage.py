"""Token counts as senders state them, sorted into the closed classes of `records.Usage`.

Senders disagree on what a count includes. OpenAI's prompt tokens include the cached and audio ones and its completion
tokens the reasoning ones; Anthropic's input tokens include neither cache class; Gemini's candidate tokens exclude the
thoughts. Instrumentations repeat or correct that, depending on their version. So the arithmetic decides: of the four
readings (prompt details inside or beside the input, completion details inside or beside the output) the first whose
classes are not negative and add up to the stated total is taken, beginning with the one the dialect expects. If none
adds up, the dialect's reading is kept and a warning says so; nothing is priced silently (contract `governance.md` 4).
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import msgspec

from observability.ingest.records import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

COUNT_LIMIT = 10**12
MICROS = Decimal(1_000_000)


class Counts(msgspec.Struct):
    """Token counts under the names most senders use, each as it was sent: a number, a numeral or None."""

    input: object = None
    output: object = None
    total: object = None
    cached: object = None
    cache_write: object = None
    reasoning: object = None
    audio_in: object = None
    audio_out: object = None
    is_input_inclusive: bool = True
    """Whether the dialect expects the input count to include the cached, cache-write and audio ones."""
    is_output_inclusive: bool = True
    """Whether the dialect expects the output count to include the reasoning and audio ones."""


def read_usage(counts: Counts) -> tuple[Usage | None, str | None]:
    """Return the classes and a warning if they do not add up; (None, None) if no count was sent."""
    input_, output, total = as_count(counts.input), as_count(counts.output), as_count(counts.total)
    input_parts = [as_count(part) for part in (counts.cached, counts.cache_write, counts.audio_in)]
    output_parts = [as_count(part) for part in (counts.reasoning, counts.audio_out)]
    if not any(input_parts) and not any(output_parts):
        return _read_plain(input_, output, total, input_parts, output_parts)
    beside_in, beside_out = sum(part or 0 for part in input_parts), sum(part or 0 for part in output_parts)
    warning = None
    inside = _choose_reading(counts, input_, output, total, beside_in, beside_out)
    if inside is None:
        inside = (counts.is_input_inclusive, counts.is_output_inclusive)
        warning = (
            f"tokens do not add up: input {input_}, output {output}, total {total}, details {beside_in}+{beside_out}"
        )
    plain_in = _subtract(input_, beside_in if inside[0] else 0)
    plain_out = _subtract(output, beside_out if inside[1] else 0)
    if total is None:
        total = (plain_in or 0) + beside_in + (plain_out or 0) + beside_out
    return _make_usage(plain_in, plain_out, total, input_parts, output_parts), warning


def read_provider_usage(usage: Mapping[str, object]) -> tuple[Usage | None, str | None]:
    """Return the classes of a usage object in a provider's own words.

    Understands OpenAI (chat and responses), Anthropic, Gemini, and Langfuse's classes. Anthropic's and Langfuse's
    inputs stand beside their cached ones, Gemini's thoughts beside its candidates.
    """
    details = _join_details(usage)

    def pick(*names: str) -> object:
        return next((details[name] for name in names if details.get(name) is not None), None)

    beside = ("cache_read_input_tokens", "cache_creation_input_tokens", "input_cached_tokens", "input_cache_read")
    return read_usage(
        Counts(
            input=pick("prompt_tokens", "input_tokens", "promptTokenCount", "input", "promptTokens", "inputTokens"),
            output=pick(
                "completion_tokens",
                "output_tokens",
                "candidatesTokenCount",
                "output",
                "completionTokens",
                "outputTokens",
            ),
            total=pick("total_tokens", "totalTokenCount", "total", "totalTokens"),
            cached=pick("cached_tokens", "cachedContentTokenCount", "cachedInputTokens", *beside[:1], *beside[2:]),
            cache_write=pick("cache_creation_input_tokens", "input_cache_creation", "cache_write_tokens"),
            reasoning=pick("reasoning_tokens", "thoughtsTokenCount", "output_reasoning_tokens", "output_reasoning"),
            audio_in=pick("input.audio_tokens", "input_audio_tokens", "input_audio"),
            audio_out=pick("output.audio_tokens", "output_audio_tokens", "output_audio"),
            is_input_inclusive=not any(name in usage for name in beside),
            is_output_inclusive="thoughtsTokenCount" not in usage and "output_reasoning_tokens" not in usage,
        )
    )


_DETAILS = {
    "prompt_tokens_details": "input",
    "input_tokens_details": "input",
    "completion_tokens_details": "output",
    "output_tokens_details": "output",
}


def _join_details(usage: Mapping[str, object]) -> dict[str, object]:
    """Return a usage object with the members of its details beside its own; audio is named by its side."""
    joined = dict(usage)
    for name, side in _DETAILS.items():
        inner = usage.get(name)
        if isinstance(inner, dict):
            joined |= {f"{side}.{key}" if key == "audio_tokens" else key: value for key, value in inner.items()}
    return joined


def _choose_reading(
    counts: Counts, input_: int | None, output: int | None, total: int | None, beside_in: int, beside_out: int
) -> tuple[bool, bool] | None:
    """Return (is input inclusive, is output inclusive) of the first reading that adds up."""
    for is_in in (counts.is_input_inclusive, not counts.is_input_inclusive):
        for is_out in (counts.is_output_inclusive, not counts.is_output_inclusive):
            whole_in = (input_ or 0) if is_in else (input_ or 0) + beside_in
            whole_out = (output or 0) if is_out else (output or 0) + beside_out
            is_possible = whole_in >= beside_in and whole_out >= beside_out
            if is_possible and (total is None or whole_in + whole_out == total):
                return is_in, is_out
    return None


def _read_plain(
    input_: int | None,
    output: int | None,
    total: int | None,
    input_parts: list[int | None],
    output_parts: list[int | None],
) -> tuple[Usage | None, str | None]:
    """Sort counts without details. A lone total is split in half and marked as an estimate."""
    if input_ is None and output is None:
        if total is None:
            return None, None
        return Usage(input=total // 2, output=total - total // 2, total=total, estimated=True), None
    known = (input_ or 0) + (output or 0)
    warning = None
    if total is None:
        total = known
    elif total != known:
        warning = f"tokens do not add up: input {input_}, output {output}, total {total}"
    return _make_usage(input_, output, total, input_parts, output_parts), warning


def _make_usage(
    input_: int | None, output: int | None, total: int, input_parts: list[int | None], output_parts: list[int | None]
) -> Usage:
    return Usage(
        input=input_,
        cached_input=input_parts[0],
        cache_write=input_parts[1],
        audio_in=input_parts[2],
        output=output,
        reasoning=output_parts[0],
        audio_out=output_parts[1],
        total=total,
    )


def _subtract(whole: int | None, part: int) -> int | None:
    return None if whole is None else max(whole - part, 0)


def as_count(value: object) -> int | None:
    """Return a token count from a number or a numeral; None for anything that cannot be one."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = int(value) if len(value) < 16 and value.isascii() and value.isdigit() else None
    elif isinstance(value, float):
        value = int(value) if value.is_integer() else None
    return value if isinstance(value, int) and 0 <= value < COUNT_LIMIT else None


def as_micros(value: object) -> int | None:
    """Return an amount of US dollars as millionths, or None for what cannot be one. No binary float is added up."""
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(str(value)) if len(str(value)) < 40 else None
    except (InvalidOperation, ValueError):
        return None
    if amount is None or not amount.is_finite() or not 0 <= amount < COUNT_LIMIT:
        return None
    return int((amount * MICROS).to_integral_value())
