"""The values of two events, diffed."""

from __future__ import annotations

from typing import Literal

from observability.selectors.compare_shapes import ComparedValues, FieldDiff
from observability.selectors.event_details import get_event
from observability.selectors.event_shapes import EventDetail, EventValue
from observability.selectors.shapes import TraceSummary
from observability.selectors.value_diff import decode_or_text, diff_texts, diff_values, list_only

_Field = Literal["input", "output", "error_stack"]
_FIELDS: tuple[_Field, ...] = ("input", "output", "error_stack")
_NO_VALUE = EventValue(state="absent")


def compare_values(
    project_id: int, left: tuple[TraceSummary, str] | None, right: tuple[TraceSummary, str] | None
) -> ComparedValues:
    """Return what differs in input, output and stack of two events, or all of the only one.

    Each side is a trace and a span id. Values too large to send along are compared by their beginnings as text.
    The queries of `get_event` for each side. Raises `NotFoundError`.
    """
    details = [None if side is None else get_event(project_id, *side) for side in (left, right)]
    return ComparedValues(fields=[diff for field in _FIELDS if (diff := _diff_field(field, *details))])


def _diff_field(field: _Field, left: EventDetail | None, right: EventDetail | None) -> FieldDiff | None:
    one, other = _get_value(left, field), _get_value(right, field)
    if one.state == other.state == "absent":
        return None
    is_cut = "too_large" in (one.state, other.state)
    if is_cut:
        lines = diff_texts(_get_text(one), _get_text(other))
    elif one.state == other.state == "present":
        lines = diff_values(_decode(one), _decode(other))
    else:
        present = one if one.state == "present" else other
        lines = list_only(_decode(present), is_left=present is one) if present.state == "present" else []
    return FieldDiff(
        field=field,
        left_state="none" if left is None else one.state,
        right_state="none" if right is None else other.state,
        left_bytes=one.size_bytes,
        right_bytes=other.size_bytes,
        is_same=one.state == other.state and all(line.op == "same" for line in lines),
        is_cut=is_cut,
        lines=lines,
    )


def _get_value(event: EventDetail | None, field: _Field) -> EventValue:
    if event is None:
        return _NO_VALUE
    value: EventValue = getattr(event, field)
    return value


def _get_text(value: EventValue) -> str:
    if value.preview is not None:
        return value.preview
    return bytes(value.value).decode(errors="replace") if value.value is not None else ""


def _decode(value: EventValue) -> object:
    return decode_or_text(bytes(value.value or b"null"))
