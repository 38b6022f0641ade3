"""What the run took: time, tokens, money. What is unknown is skipped, never taken for nothing."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from reruns.evaluators.check import Check
from reruns.evaluators.subject import Subject, Verdict, failed, passed
from reruns.evaluators.subject import skipped as skip


class LatencyBudget(Check, frozen=True, kw_only=True, tag="latency-budget"):
    """The run took at most so many milliseconds."""

    max_duration_ms: Annotated[float, Meta(gt=0, le=86_400_000)]

    def evaluate(self, subject: Subject) -> Verdict:
        """Compare with what the SDK measured."""
        taken = subject.duration_ms
        if taken is None:
            return skip("The SDK did not say how long it took.")
        return _judge(taken, self.max_duration_ms, f"{taken:,.0f} ms", f"{self.max_duration_ms:,.0f} ms")


class TokenBudget(Check, frozen=True, kw_only=True, tag="token-budget"):
    """The run used at most so many tokens in all."""

    max_tokens: Annotated[int, Meta(gt=0, le=10**12)]

    needs_events = True

    def evaluate(self, subject: Subject) -> Verdict:
        """Compare with the usage of the answer, else of the run's events."""
        used = subject.total_tokens
        if used is None:
            unknown = "Neither the answer nor an event of the run says how many tokens were used."
            return skip(subject.missing.get("spending", unknown))
        return _judge(used, self.max_tokens, f"{used:,} tokens", f"{self.max_tokens:,}")


class CostBudget(Check, frozen=True, kw_only=True, tag="cost-budget"):
    """The run cost at most so many US dollars."""

    max_cost_usd: Annotated[float, Meta(ge=0, le=1_000_000)]

    needs_events = True

    def evaluate(self, subject: Subject) -> Verdict:
        """Compare with the known cost."""
        micros = subject.cost_micros
        if micros is None:
            return skip(subject.missing.get("spending", "What it cost is not known."))
        cost = micros / 1_000_000
        return _judge(cost, self.max_cost_usd, f"${cost:.6f}", f"${self.max_cost_usd:.6f}")


def _judge(taken: float, most: float, taken_text: str, most_text: str) -> Verdict:
    evidence = {"taken": taken, "budget": most}
    if taken <= most:
        return passed(f"It took {taken_text} of {most_text}.", **evidence)
    return failed(f"It took {taken_text}; the budget is {most_text}.", **evidence)
