"""Servers in folders of their own, beside those of the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from config.embedded.process import Watchdog


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    """A watchdog that ends what a failed test leaves."""
    watchdog = Watchdog()
    yield watchdog
    watchdog.close()
