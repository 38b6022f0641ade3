"""Which attributes of a span were understood: what the coverage page of a project is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from observability.ingest.otlp import spans
from observability.ingest.otlp.dialects import DIALECTS, read_span
from observability.ingest.otlp.spans import COMMON_KEYS
from observability.ingest.otlp.wire import RawSpan, make_scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observability.ingest.otlp.dialects.finding import Finding
    from observability.ingest.otlp.wire import Attributes


class Coverage(msgspec.Struct, frozen=True):
    """Attribute keys, sorted, by whether anything but the raw copy was made of them."""

    understood: tuple[str, ...]
    not_understood: tuple[str, ...]


def sort_keys(dialect: str | None, keys: Iterable[str]) -> Coverage:
    """Sort a span's attribute keys by whether its dialect, or the part common to all, reads them."""
    known = DIALECTS.get(dialect) if dialect else None
    names, prefixes = (known.keys, known.prefixes) if known else (frozenset[str](), ())
    understood: list[str] = []
    others: list[str] = []
    for key in sorted(set(keys)):
        is_known = key in COMMON_KEYS or key in names or key.startswith(prefixes)
        (understood if is_known else others).append(key)
    return Coverage(tuple(understood), tuple(others))


def find_content_side(dialect: str | None, key: str) -> str | None:
    """Tell whether an attribute carries a call's `input` or `output`, so that withholding those covers it too."""
    known = DIALECTS.get(dialect) if dialect else None
    if known is None:
        return None
    if key.startswith(known.input_prefixes):
        return "input"
    return "output" if key.startswith(known.output_prefixes) else None


_COMMON_MEANINGS = (
    (spans.WORKFLOW_KEYS, "workflow"),
    (spans.SESSION_KEYS, "session"),
    (spans.USER_KEYS, "user"),
    (spans.ENVIRONMENT_KEYS, "environment"),
    (spans.CORRELATION_KEYS, "correlation"),
    (spans.AGENT_KEYS, "agent"),
    (spans.TAG_KEYS, "tags"),
    (("service.name",), "service"),
)
_MEANINGS = {
    "usage": "tokens",
    "usage_warning": "tokens",
    "cost_usd": "cost",
    "agent_name": "agent",
    "tool_name": "tool",
    "prompt_name": "prompt",
    "prompt_version": "prompt version",
    "system_prompt": "system prompt",
    "is_streamed": "streamed",
    "is_error": "status",
    "error_message": "error",
    "input_key": "input",
    "input_prefix": "input",
    "is_input_text": "input",
    "output_key": "output",
    "output_prefix": "output",
    "is_output_text": "output",
}
_MOST_KEYS = 80


def explain_keys(name: str, attributes: Attributes) -> dict[str, tuple[str, ...]]:
    """Return what each attribute of a span is made into, by leaving it out and looking what is missing then.

    An attribute that is read, but says what another says too, is made into nothing; so is one beyond the first
    `_MOST_KEYS`.
    """
    whole = _read(name, attributes)
    found: dict[str, tuple[str, ...]] = {}
    for key in list(attributes)[:_MOST_KEYS]:
        common = [meaning for keys, meaning in _COMMON_MEANINGS if key in keys]
        without = _read(name, {other: value for other, value in attributes.items() if other != key})
        found[key] = tuple(dict.fromkeys([*common, *_compare(whole, without)]))
    return found


def _compare(whole: Finding, without: Finding) -> list[str]:
    names = whole.__struct_fields__
    changed = [name for name in names if getattr(whole, name) != getattr(without, name)]
    return [_MEANINGS.get(name, name) for name in changed]


def _read(name: str, attributes: Attributes) -> Finding:
    scope = make_scope({}, {}, name="", version="", schema_url="")
    span = RawSpan(0, scope, "", "", "", name, 0, 1, 1, dict(attributes))
    return read_span(span)[1]
