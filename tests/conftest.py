"""What every test has: the fixtures of `tests/fixtures.py`, and property tests without a clock."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["tests.fixtures"]

# How long an example takes says more about the machine than about the code.
settings.register_profile("playhead", deadline=None, print_blob=True)
settings.load_profile("playhead")
