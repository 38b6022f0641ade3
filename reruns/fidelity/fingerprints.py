"""What a call is known by, whatever its number: kind, name and input, the input spelled in one way.

Keys sorted, floats to six decimals, runs of white space in texts as one space: as the SDK's own match key (contract
B1.4), so that what an SDK takes for the same call is the same here.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_NOTHING = b"null"


def canonicalise(value: bytes | None) -> bytes:
    """Return JSON text in its one spelling; text that is no JSON with its white space collapsed; None as null."""
    if value is None:
        return _NOTHING
    try:
        return msgspec.json.encode(_normalise(msgspec.json.decode(value)), order="sorted")
    except (msgspec.MsgspecError, RecursionError):
        return b" ".join(value.split())


def digest_value(value: bytes | None) -> str:
    """Return a short hash of a value's one spelling."""
    return hashlib.sha256(canonicalise(value)).hexdigest()[:16]


def _normalise(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, float):
        rounded = round(value, 6)
        # 2.0 and 2 are one number to JSON, and to the languages that send both.
        return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded
    if isinstance(value, list):
        return [_normalise(item) for item in value]
    if isinstance(value, dict):
        return {name: _normalise(item) for name, item in value.items()}
    return value
