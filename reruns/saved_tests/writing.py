"""Fills the template: what was recorded becomes Python that anybody can read, and that says nothing but data."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

VARIABLE = "PLAYHEAD_TEST_FUNCTION"
EXAMPLE = "app:workflow"
_TEMPLATE = Path(__file__).with_name("template.txt")
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*")
_SLOT = re.compile("«([A-Z]+)»")


class SavedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `reason` says why it is not answered from the file: it really happens in the test."""

    id: int
    kind: str
    name: str
    input: Raw
    output: Raw
    reason: str = ""


class SavedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run to be written down. `input` and `output` are JSON texts, None where they are not known."""

    workflow_name: str
    trace_id: str
    recorded_at: datetime
    calls: list[SavedCall]
    input: bytes | None
    output: bytes | None
    function: str


def is_function(text: str) -> bool:
    """Say whether a text names a function as `module:function`."""
    return len(text) <= 300 and _FUNCTION.fullmatch(text) is not None


def name_file(run: SavedRun) -> str:
    """Return the name of the file."""
    return f"test_{_slug(run.workflow_name)}_{_slug(run.trace_id.rpartition('::')[2])[:8]}.py"


def write_test(run: SavedRun) -> str:
    """Return the file."""
    values = {
        "WORKFLOW": _say(run.workflow_name),
        "TRACE": _say(run.trace_id),
        "DATE": f"{run.recorded_at:%Y-%m-%d}",
        "FILE": name_file(run),
        "VARIABLE": VARIABLE,
        "LIVE": _explain_live(run.calls),
        "FUNCTION": repr(run.function or EXAMPLE),
        "INPUT": _load(run.input),
        "OUTPUT": _load(run.output),
        "NAME": _slug(run.workflow_name),
        "CALLS": "\n".join(_write_call(call) for call in run.calls),
    }
    return _SLOT.sub(lambda found: values[found.group(1)], _TEMPLATE.read_text(encoding="utf-8"))


def _write_call(call: SavedCall) -> str:
    said: dict[str, Any] = {"id": call.id, "kind": call.kind, "name": call.name, "frozen": not call.reason}
    line = msgspec.json.encode({**said, "input": call.input, "output": call.output})
    return f"        {line.decode()!a},"


def _load(value: bytes | None) -> str:
    return "[]" if value is None else f"[json.loads({value.decode(errors='replace')!a})]"


def _explain_live(calls: list[SavedCall]) -> str:
    live = [call for call in calls if call.reason]
    if not live:
        return ""
    lines = [f"    {call.id}. {call.kind} {_say(call.name)}: {_say(call.reason)}" for call in live[:20]]
    more = [f"    and {len(live) - 20} more"] if len(live) > 20 else []
    return "\n".join(["", "These calls are not recorded well enough, and really happen:", "", *lines, *more, ""])


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60] or "run"


def _say(text: str) -> str:
    """Return a text that can stand in a docstring: one line, without what would end it."""
    return re.sub(r'[\\"\x00-\x1f\x7f«»]', " ", text)[:200]
