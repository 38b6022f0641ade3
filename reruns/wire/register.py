"""What an SDK says of itself when it connects and registers (B2, B6.1). Readings are lenient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from observability.ingest.text import clean_text

SESSION_ID_LIMIT = 200
_NAME_LIMIT = 200
_MOST_NAMES = 500


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """An SDK process: its session, and what it can run as far as it says."""

    session_id: str | None = None
    tools: list[str] = []
    workflows: list[str] = []
    branch: str = ""
    sdk_version: str = ""


def read_registration(payload: object) -> Registration:
    """Return what a payload says. Names come as texts or as objects with a name; what is neither says nothing."""
    given: Mapping[str, Any] = payload if isinstance(payload, dict) else {}
    metadata = given.get("metadata")
    inner: Mapping[str, Any] = metadata if isinstance(metadata, dict) else {}
    return Registration(
        session_id=read_session_id(given.get("sessionId")),
        tools=_read_names(given.get("tools")),
        workflows=_read_names(given.get("workflows")),
        branch=_read_text(given.get("branch") or inner.get("branch"), 200),
        sdk_version=_read_text(given.get("sdkVersion") or given.get("version") or inner.get("sdkVersion"), 60),
    )


def read_session_id(value: object) -> str | None:
    """Return a session id, or None for what is none or too long to be one."""
    if not isinstance(value, str) or not 0 < len(value) <= SESSION_ID_LIMIT:
        return None
    return clean_text(value)


def _read_names(value: object) -> list[str]:
    if isinstance(value, dict):
        value = list(value)
    if not isinstance(value, list):
        return []
    found = (item.get("name") if isinstance(item, dict) else item for item in value[:_MOST_NAMES])
    names = [_read_text(name, _NAME_LIMIT) for name in found if isinstance(name, str)]
    return list(dict.fromkeys(name for name in names if name))


def _read_text(value: object, limit: int) -> str:
    return clean_text(value)[:limit] if isinstance(value, str) else ""
