"""Token counts in both spellings, and what a 0 means."""

from __future__ import annotations

import msgspec
import pytest

from observability.ingest.records import Usage
from observability.ingest.sdk.usage import find_usage
from tests.ingest.sdk.batches import decode_one


def _find(usage: object) -> tuple[Usage | None, str | None]:
    return find_usage(msgspec.Raw(msgspec.json.encode(usage)))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"inputTokens": 42, "outputTokens": 7, "totalTokens": 49}, Usage(input=42, output=7, total=49)),
        ({"input_tokens": 42, "output_tokens": 7, "total_tokens": 49}, Usage(input=42, output=7, total=49)),
        ({"prompt_tokens": 42, "completion_tokens": 7}, Usage(input=42, output=7, total=49)),
        ({"inputTokens": 30, "outputTokens": 5, "totalTokens": 0}, Usage(input=30, output=5, total=35)),
        ({"inputTokens": 30, "outputTokens": 0, "totalTokens": 30}, Usage(input=30, output=0, total=30)),
        ({"inputTokens": 0, "outputTokens": 5, "totalTokens": 0}, Usage(output=5, total=5)),
        ({"inputTokens": 0, "outputTokens": 0, "totalTokens": 9}, Usage(input=4, output=5, total=9, estimated=True)),
        ({"totalTokens": 9}, Usage(input=4, output=5, total=9, estimated=True)),
        ({"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}, None),
        ({"inputTokens": "many", "outputTokens": -1}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_find_usage__spelling__classes(usage: object, expected: Usage | None) -> None:
    assert _find(usage) == (expected, None)


def test_find_usage__openai_details__taken_out_of_their_class() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 80},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }

    assert _find(usage) == (Usage(input=20, cached_input=80, output=20, reasoning=30, total=150), None)


def test_find_usage__anthropic_cache__beside_the_input() -> None:
    usage = {"input_tokens": 20, "output_tokens": 5, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 10}

    assert _find(usage) == (Usage(input=20, cached_input=80, cache_write=10, output=5, total=115), None)


def test_map_event__counts_that_do_not_add_up__kept_with_a_warning() -> None:
    event = decode_one(type="ai", usage={"inputTokens": 1, "outputTokens": 2, "totalTokens": 9})

    assert event.usage == Usage(input=1, output=2, total=9)
    assert msgspec.json.decode(event.extra or b"")["usage_warning"].startswith("tokens do not add up")
