"""What the run called, by its own events."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from reruns.evaluators.check import Check
from reruns.evaluators.subject import Subject, Verdict, failed, passed
from reruns.evaluators.subject import skipped as skip

_Times = Annotated[int, Meta(ge=0, le=1_000_000)]


class ToolCalled(Check, frozen=True, kw_only=True, tag="tool-called"):
    """The run called a tool, at least `min_times` and at most `max_times`."""

    tool_name: Annotated[str, Meta(min_length=1, max_length=500)]
    min_times: _Times = 1
    max_times: _Times | None = None

    needs_events = True

    def __post_init__(self) -> None:
        """Refuse bounds that nothing meets."""
        if self.max_times is not None and self.max_times < self.min_times:
            raise ValueError("max_times: less than min_times")

    def evaluate(self, subject: Subject) -> Verdict:
        """Count the tool's events."""
        if subject.calls is None:
            return skip(subject.missing.get("calls", "The SDK sent no events of the run."))
        tools = [call.name for call in subject.calls if call.kind == "tool"]
        times = tools.count(self.tool_name)
        evidence = {"times": times, "tools": sorted(set(tools))[:50]}
        most = times + [call.name for call in subject.uncertain_calls if call.kind == "tool"].count(self.tool_name)
        said = f"{self.tool_name} was called {_count(times)}"
        if times < self.min_times <= most or (self.max_times is not None and times <= self.max_times < most):
            return skip(f"{said} or more often: the SDK says nothing of calls answered from the recording.", **evidence)
        if times < self.min_times:
            return failed(f"{said}; at least {_count(self.min_times)} was asked for.", **evidence)
        if self.max_times is not None and times > self.max_times:
            return failed(f"{said}; at most {_count(self.max_times)} was asked for.", **evidence)
        return passed(f"{said}.", **evidence)


def _count(times: int) -> str:
    return {0: "never", 1: "once"}.get(times, f"{times} times")
