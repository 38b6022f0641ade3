"""Trace ids as the SDK makes them: `<workflow>::<epoch ms>::<short id>` (contract `sdk-rerun.md` B5, B6.16)."""

from __future__ import annotations

import re
from typing import NamedTuple

UNKNOWN_WORKFLOW = "unknown-workflow"
"""The workflow of events whose trace id names none. The client uses the same name for a trace started without one."""

_SEPARATOR = "::"
_EPOCH_MS = re.compile(r"[0-9]{1,15}", re.ASCII)


class TraceIdParts(NamedTuple):
    """What a trace id says about itself."""

    workflow: str
    timestamp_ms: int | None
    short_id: str | None


def parse_trace_id(text: str) -> TraceIdParts | None:
    """Take a trace id apart. None without `::`, as for ids made elsewhere.

    A second part that is no number gives no timestamp, and two parts give no short id. Of more than three parts the
    first is the workflow, whatever follows.
    """
    workflow, *rest = text.split(_SEPARATOR)
    if not rest:
        return None
    timestamp_ms = int(rest[0]) if _EPOCH_MS.fullmatch(rest[0]) else None
    short_id = rest[1] if len(rest) > 1 and rest[1] else None
    return TraceIdParts(workflow, timestamp_ms, short_id)


def get_workflow_name(trace_id: str) -> str:
    """Return the workflow a trace id names, or `UNKNOWN_WORKFLOW`."""
    parts = parse_trace_id(trace_id)
    return parts.workflow if parts and parts.workflow else UNKNOWN_WORKFLOW


def make_unattributed_trace_id(session_id: str) -> str:
    """Return the trace that holds a session's events sent without a trace id.

    Which workflow run they probably belong to is worked out when they are read, from the session's workflow events:
    decided here, it would depend on the order in which batches arrive.
    """
    return f"{UNKNOWN_WORKFLOW}{_SEPARATOR}{session_id}"


def make_run_trace_id(run_id: str) -> str:
    """Return the trace that holds a rerun's events sent without a trace id: they are none of the session's own."""
    return f"{UNKNOWN_WORKFLOW}{_SEPARATOR}run-{run_id}"


def is_unattributed(trace_id: str, session_id: str | None) -> bool:
    """Tell such a trace from one of a run that its client named like the workflow of none."""
    return bool(session_id) and trace_id == f"{UNKNOWN_WORKFLOW}{_SEPARATOR}{session_id}"
