"""Which calls a run config mocks (contract B1.5)."""

from __future__ import annotations

from typing import Any


def is_mocked(configs: dict[str, Any], name: str, call: int) -> bool:
    """Say whether the nth call of a name, from 1, is answered by its mock.

    A bare value or list mocks every call, as the Python SDK takes it.
    """
    if name not in configs:
        return False
    config = configs[name]
    mode = config.get("mode") if isinstance(config, dict) else "mock-all"
    if mode == "mock-specific":
        return call in (config.get("callIndices") or ())
    return mode != "live"
