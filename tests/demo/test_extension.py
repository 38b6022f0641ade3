"""What the demo's extension says."""

from __future__ import annotations

import io
import logging
import random
import sys
from collections.abc import Iterator

import pytest

from demo import extension


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What it logs and prints of 36 runs: by then it has said everything that it can."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    before = sys.stdout, sys.stderr, extension.logger.level
    extension.logger.addHandler(handler)
    extension.logger.setLevel(logging.DEBUG)
    sys.stdout = sys.stderr = heard
    chance = random.Random(0)
    for number in range(1, 37):
        for say in extension.list_lines(number, "chatHandler", chance):
            say()
    yield heard
    sys.stdout, sys.stderr = before[0], before[1]
    extension.logger.removeHandler(handler)
    extension.logger.setLevel(before[2])


def test_list_lines__many_runs__every_level_a_stack_trace_and_a_secret_are_among_them(said: io.StringIO) -> None:
    text = said.getvalue()

    assert all(f"{level} " in text for level in ("DEBUG", "INFO", "WARNING", "ERROR"))
    assert text.count("demo.extension.PriceError: KO-") == 4
    assert "The above exception was the direct cause of the following exception" in text
    assert "postgres://orders:" in text
    assert "gc: heap at 81 %" in text
