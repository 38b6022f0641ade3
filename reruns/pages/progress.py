"""How far a rerun is, as stages from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from reruns.selectors.triggers import TriggerDetail

Mark = Literal["done", "now", "later", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `now` is where it is, `stopped` where it ended without coming further."""

    name: str
    mark: Mark
    note: str = ""
    at: datetime | None = None


def list_stages(rerun: TriggerDetail) -> list[Stage]:
    """Return the stages: asked, sent, running n of m, evaluated, done."""
    is_over = rerun.finished_at is not None
    has_run = rerun.running_at is not None or rerun.answered > 0
    waits = "stopped" if is_over else "now"
    sent: Mark = "done" if rerun.sent_at or has_run else waits  # type: ignore[assignment]
    stages = [
        Stage("Asked", "done", at=rerun.created_at),
        Stage("Sent", sent, "" if sent == "done" else "waits for an SDK" if not is_over else "never", rerun.sent_at),
        _make_running(rerun, is_over=is_over, is_sent=sent == "done"),
    ]
    if rerun.evaluations:
        stages.append(_make_evaluated(rerun))
    return [*stages, _make_end(rerun)]


def _make_running(rerun: TriggerDetail, *, is_over: bool, is_sent: bool) -> Stage:
    note = f"{rerun.answered} of {rerun.runs}"
    if rerun.answered >= rerun.runs:
        return Stage("Running", "done", note, rerun.running_at)
    if is_over:
        return Stage("Running", "stopped", note, rerun.running_at)
    has_begun = rerun.running_at is not None or rerun.answered > 0
    return Stage("Running", "now" if has_begun and is_sent else "later", note if has_begun else "", rerun.running_at)


def _make_evaluated(rerun: TriggerDetail) -> Stage:
    waiting = sum(check.waiting for check in rerun.checks)
    if not rerun.answered:
        return Stage("Evaluated", "later" if rerun.finished_at is None else "stopped")
    if waiting:
        return Stage("Evaluated", "now", f"{len(rerun.checks)} check{'' if len(rerun.checks) == 1 else 's'}")
    return Stage("Evaluated", "failed" if rerun.verdict in ("failed", "error") else "done", rerun.verdict or "")


def _make_end(rerun: TriggerDetail) -> Stage:
    if rerun.finished_at is None:
        return Stage("Done", "later")
    words: dict[str, tuple[str, Mark]] = {"completed": ("Completed", "done"), "failed": ("Failed", "failed")}
    name, mark = words.get(rerun.status, (rerun.status.capitalize(), "stopped"))
    return Stage(name, mark, at=rerun.finished_at)
