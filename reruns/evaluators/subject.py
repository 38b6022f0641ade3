"""What an evaluation looks at, and what it says of it."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

EVIDENCE_CHARACTERS = 300
"""Of a text that is quoted as evidence."""


class Status(enum.StrEnum):
    """What an evaluation says of one run. `skipped`: it could not be told; that is never a pass."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


class Call(msgspec.Struct, frozen=True):
    """One event of a run: what was called."""

    kind: str
    name: str


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One run's result. Values are JSON text as stored: redacted, and None where there is none.

    `missing` says by name (`output`, `original`, `calls`) why something is not known.
    """

    ok: bool
    error: str = ""
    output: bytes | None = None
    original: bytes | None = None
    others: tuple[bytes, ...] = ()
    """Outputs of the other runs of the same step, as far as they answered well."""
    unanswered: int = 0
    """Other runs of the same step that did not answer, or not yet."""
    duration_ms: float | None = None
    total_tokens: int | None = None
    cost_micros: int | None = None
    calls: tuple[Call, ...] | None = None
    uncertain_calls: tuple[Call, ...] = ()
    """Calls that may have come: SDKs say nothing of those that they answer from a recording."""
    missing: dict[str, str] = {}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation says: its status, why in words, and what it rests on."""

    status: Status
    reason: str
    evidence: dict[str, Any] = {}


def passed(reason: str, **evidence: Any) -> Verdict:
    """Return the verdict that a run is as it should be."""
    return Verdict(status=Status.PASSED, reason=reason, evidence=evidence)


def failed(reason: str, **evidence: Any) -> Verdict:
    """Return the verdict that a run is not as it should be."""
    return Verdict(status=Status.FAILED, reason=reason, evidence=evidence)


def skipped(reason: str, **evidence: Any) -> Verdict:
    """Return the verdict that it cannot be told."""
    return Verdict(status=Status.SKIPPED, reason=reason, evidence=evidence)


def broken(reason: str, **evidence: Any) -> Verdict:
    """Return the verdict that the evaluation itself went wrong."""
    return Verdict(status=Status.ERROR, reason=reason, evidence=evidence)


def judge_output_first(subject: Subject) -> Verdict | None:
    """Return the verdict for a run without an output to look at, or None where there is one."""
    if not subject.ok:
        return failed("The run failed." if not subject.error else f"The run failed: {quote(subject.error)}")
    if subject.output is None:
        return skipped(subject.missing.get("output", "The run has no output."))
    return None


def read_text(value: bytes) -> str:
    """Return what a JSON value reads as: a string itself, anything else as it is written."""
    found = read_json(value)
    return found if isinstance(found, str) else value.decode(errors="replace")


def read_json(value: bytes) -> Any:
    """Return a JSON value; text that is no JSON as text."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, RecursionError):
        return value.decode(errors="replace")


def quote(text: str) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= EVIDENCE_CHARACTERS else f"{text[:EVIDENCE_CHARACTERS]}…"
