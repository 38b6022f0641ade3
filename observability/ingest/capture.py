"""Capture switches: what a project does not want stored is dropped here, and the record says that it was.

Content travels in more places than `input` and `output`: beside them in raw attributes (a short text is copied there),
as the raw stream of an answer, and in log records that libraries write for each message of a model call. A switch
covers those too. What remains of a value that cannot be taken apart is dropped whole.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from observability.flags import EventFlag
from observability.ingest.otlp.coverage import find_content_side
from observability.ingest.otlp.dialects import DIALECTS
from observability.ingest.records import EventRecord, LogRecord

NOT_CAPTURED = "[{side} not captured]"
"""Stands in place of a log message that is the content of a call."""

STACK_KEYS = frozenset({"exception.stacktrace"})
_STREAM_KEYS = frozenset({"stream_raw"})
_MESSAGE_SIDES = {
    "gen_ai.content.prompt": "input",
    "gen_ai.content.completion": "output",
    "gen_ai.system.message": "input",
    "gen_ai.user.message": "input",
    "gen_ai.assistant.message": "input",
    "gen_ai.tool.message": "input",
    "gen_ai.choice": "output",
}
_SIDE_FLAGS = {"input": EventFlag.INPUT_WITHHELD, "output": EventFlag.OUTPUT_WITHHELD}
_NOTHING = EventFlag(0)

Members = dict[str, msgspec.Raw]
_decoder = msgspec.json.Decoder(Members)


class Capture(msgspec.Struct, frozen=True):
    """Which values a project stores."""

    inputs: bool = True
    outputs: bool = True
    error_stacks: bool = True
    attributes: bool = True

    @property
    def withheld_sides(self) -> frozenset[str]:
        """The sides of a call that are not stored: `input`, `output`."""
        return frozenset(side for side, kept in (("input", self.inputs), ("output", self.outputs)) if not kept)


CAPTURE_ALL = Capture()


def apply_capture(event: EventRecord, capture: Capture) -> tuple[EventRecord, EventFlag]:
    """Return the event without what the project does not capture, and the flags that tell readers so.

    The same object when nothing had to go.
    """
    if capture == CAPTURE_ALL:
        return event, _NOTHING
    changes: dict[str, bytes | None] = {}
    flags = _NOTHING
    for is_kept, fields, flag in (
        (capture.inputs, ("input",), EventFlag.INPUT_WITHHELD),
        (capture.outputs, ("output",), EventFlag.OUTPUT_WITHHELD),
        (capture.error_stacks, ("error_stack",), EventFlag.STACK_WITHHELD),
        # Parameters and links in `extra` are attributes of another name.
        (capture.attributes, ("attributes", "extra"), EventFlag.ATTRIBUTES_WITHHELD),
    ):
        if not is_kept and any(getattr(event, field) is not None for field in fields):
            changes.update(dict.fromkeys(fields))
            flags |= flag
    if capture.attributes:
        found, beside = _withhold_beside(event, capture)
        changes.update(beside)
        flags |= found
    return (msgspec.structs.replace(event, **changes) if changes else event), flags


def apply_capture_to_log(log: LogRecord, capture: Capture) -> tuple[LogRecord, EventFlag]:
    """Return the log record without call content and stacks that the project does not capture, and the flags."""
    if capture == CAPTURE_ALL:
        return log, _NOTHING
    side = _MESSAGE_SIDES.get(log.type or "", "")
    if side in capture.withheld_sides:
        changed = msgspec.structs.replace(log, message=NOT_CAPTURED.format(side=side), fields=None)
        return changed, _SIDE_FLAGS[side]
    fields, flags = _drop_members(log.fields, lambda key: _find_log_flag(key, capture))
    return (log if fields is log.fields else msgspec.structs.replace(log, fields=fields)), flags


def _withhold_beside(event: EventRecord, capture: Capture) -> tuple[EventFlag, dict[str, bytes | None]]:
    """Return what attributes and extra become without the content that travels in them."""
    sides = capture.withheld_sides

    def find_attribute_flag(key: str) -> EventFlag:
        side = find_content_side(event.dialect, key)
        return _SIDE_FLAGS[side] if side in sides else _NOTHING

    def find_extra_flag(key: str) -> EventFlag:
        return EventFlag.OUTPUT_WITHHELD if key in _STREAM_KEYS and "output" in sides else _NOTHING

    attributes, attribute_flags = _drop_members(event.attributes, find_attribute_flag)
    extra, extra_flags = _drop_members(event.extra, find_extra_flag)
    changes: dict[str, bytes | None] = {}
    if attributes is not event.attributes:
        changes["attributes"] = attributes
    if extra is not event.extra:
        changes["extra"] = extra
    return attribute_flags | extra_flags, changes


def _find_log_flag(key: str, capture: Capture) -> EventFlag:
    if not capture.error_stacks and key in STACK_KEYS:
        return EventFlag.STACK_WITHHELD
    # A log record does not say which dialect its library speaks.
    sides = {find_content_side(dialect, key) for dialect in DIALECTS}
    flags = [flag for side, flag in _SIDE_FLAGS.items() if side in sides and side in capture.withheld_sides]
    return flags[0] if flags else _NOTHING


def _drop_members(value: bytes | None, find_flag: Callable[[str], EventFlag]) -> tuple[bytes | None, EventFlag]:
    """Return a JSON object without the members that have a flag; the same object when none has one.

    What is no object, or cannot be read, is dropped: content could be anywhere in it.
    """
    if value is None:
        return None, _NOTHING
    try:
        members = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, EventFlag.ATTRIBUTES_WITHHELD
    found = {key: flag for key in members if (flag := find_flag(key))}
    if not found:
        return value, _NOTHING
    flags = _NOTHING
    for flag in found.values():
        flags |= flag
    kept = {key: member for key, member in members.items() if key not in found}
    return (msgspec.json.encode(kept) if kept else None), flags
