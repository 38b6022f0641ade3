"""Checks of mock configs (B1.5). What passes goes to the SDK as it is: SDKs differ in what else they read."""

from __future__ import annotations

from typing import Any

from reruns.errors import RerunError

MODES = ("live", "mock-all", "mock-specific")


class MockError(RerunError):
    """A mock config no SDK could follow; the message names the place."""

    code = "invalid"


def check_mocks(field: str, config: dict[str, Any]) -> None:
    """Raise `MockError` for an entry with a mode there is not, or with calls that are not counted from 1.

    An entry may also be a bare value or a list: one SDK takes these for outputs.
    """
    for name, entry in config.items():
        if isinstance(entry, dict) and "mode" in entry:
            _check_entry(f"{field}.{name}", entry)


def check_prompts(field: str, prompts: dict[str, Any]) -> None:
    """Raise `MockError` unless every prompt is a text."""
    for name, text in prompts.items():
        if not isinstance(text, str):
            raise MockError(f"{field}.{name}: a text is expected")


def _check_entry(place: str, entry: dict[str, Any]) -> None:
    if entry["mode"] not in MODES:
        raise MockError(f"{place}.mode: one of {', '.join(MODES)} is expected")
    indices = entry.get("callIndices", [])
    if not isinstance(indices, list) or not all(_is_call(index) for index in indices):
        raise MockError(f"{place}.callIndices: a list of calls is expected, counted from 1")
    data = entry.get("mockData", {})
    if not isinstance(data, dict) or not all(key.isdigit() for key in data):
        raise MockError(f'{place}.mockData: outputs by call are expected, "0" for all others')


def _is_call(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
