"""Which attributes are understood, and which carry content."""

from __future__ import annotations

import json

import pytest

from observability.ingest.otlp.coverage import find_content_side, sort_keys
from tests.ingest.otlp.recorded import list_events


def test_coverage__recorded_call__understood_and_not() -> None:
    call = list_events("openinference", "ai")[0]

    coverage = sort_keys(call.dialect, json.loads(call.attributes or b"{}"))

    assert "llm.model_name" in coverage.understood
    assert "llm.input_messages.0.message.content" in coverage.understood
    assert "session.id" in coverage.understood
    assert coverage.not_understood == ("llm.tools.0.tool.json_schema", "metadata")


def test_coverage__no_dialect__only_common_keys_are_understood() -> None:
    coverage = sort_keys(None, ["user.id", "my.own"])

    assert (coverage.understood, coverage.not_understood) == (("user.id",), ("my.own",))


@pytest.mark.parametrize(
    ("dialect", "key", "side"),
    [
        ("openinference", "llm.input_messages.0.message.content", "input"),
        ("openinference", "llm.output_messages.0.message.content", "output"),
        ("openinference", "llm.model_name", None),
        ("gen_ai", "gen_ai.system_instructions", "input"),
        ("vercel_ai", "ai.response.text", "output"),
        ("langfuse", "langfuse.observation.input", "input"),
        ("openllmetry", "gen_ai.completion", "output"),
        (None, "input.value", None),
    ],
)
def test_content__attribute__its_side(dialect: str | None, key: str, side: str | None) -> None:
    assert find_content_side(dialect, key) == side
