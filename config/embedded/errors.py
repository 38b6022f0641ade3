"""The one error of this package."""

from __future__ import annotations


class EmbeddedError(Exception):
    """Say in one line what is wrong and what to do about it; shown to the operator as it is."""
