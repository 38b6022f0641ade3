"""Is it what it was? The output beside the original's, and beside those of the other runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from reruns.evaluators.check import Check
from reruns.evaluators.similarity import measure_similarity
from reruns.evaluators.subject import Subject, Verdict, failed, judge_output_first, passed, quote, read_json, read_text
from reruns.evaluators.subject import skipped as skip

MOST_DIFFERENCES = 20
_Share = Annotated[float, Meta(ge=0, le=1)]
_Path = Annotated[str, Meta(min_length=1, max_length=300)]


class SameAsOriginal(Check, frozen=True, kw_only=True, tag="same_as_original"):
    """The output is the original's: to the letter, in structure, or nearly in words.

    `ignored_paths` are left out of `structural`: names and numbers joined by dots, `*` for any one.
    """

    match: Literal["exact", "structural", "similarity"] = "structural"
    ignored_paths: Annotated[list[_Path], Meta(max_length=50)] = msgspec.field(default_factory=list)
    similarity_threshold: _Share = 0.8

    def __post_init__(self) -> None:
        """Refuse what would be without effect."""
        if self.ignored_paths and self.match != "structural":
            raise ValueError("ignored_paths: only match `structural` leaves paths out")

    def evaluate(self, subject: Subject) -> Verdict:
        """Compare with the original."""
        if (verdict := judge_output_first(subject)) is not None:
            return verdict
        if subject.original is None:
            return skip(subject.missing.get("original", "There is no original output."))
        assert subject.output is not None
        if self.match == "exact":
            return _judge_exact(subject.output, subject.original)
        if self.match == "similarity":
            return _judge_similar(subject.output, subject.original, self.similarity_threshold)
        return _judge_structure(subject.output, subject.original, self.ignored_paths)


class Determinism(Check, frozen=True, kw_only=True, tag="determinism"):
    """Each run's output is at least so similar to that of every other run."""

    similarity_threshold: _Share = 1.0

    needs_others = True

    def evaluate(self, subject: Subject) -> Verdict:
        """Compare with the other runs."""
        if (verdict := judge_output_first(subject)) is not None:
            return verdict
        if not subject.others:
            return skip(subject.missing.get("others", "It takes two runs or more with an output."))
        assert subject.output is not None
        own = read_text(subject.output)
        runs = len(subject.others) + 1
        missing = f" {subject.unanswered} more did not answer." if subject.unanswered else ""
        lowest = min(measure_similarity(own, read_text(other)) for other in subject.others)
        evidence = {
            "similarity": round(lowest, 4),
            "threshold": self.similarity_threshold,
            "runs": runs,
            "unanswered": subject.unanswered,
        }
        if lowest >= self.similarity_threshold:
            return passed(f"At least {lowest:.0%} alike in {runs} runs.{missing}", **evidence)
        reason = f"Only {lowest:.0%} like another run; {self.similarity_threshold:.0%} is asked for.{missing}"
        return failed(reason, **evidence)


def find_differences(one: Any, other: Any, ignored: list[str]) -> Iterator[dict[str, Any]]:
    """Yield where two JSON values differ, by path: `{path, original, output}`, a missing side left out."""
    patterns = [tuple(path.split(".")) for path in ignored]
    yield from _differ((), one, other, patterns)


_ABSENT = object()


def _differ(
    path: tuple[str, ...], original: Any, output: Any, ignored: list[tuple[str, ...]]
) -> Iterator[dict[str, Any]]:
    if any(_covers(pattern, path) for pattern in ignored):
        return
    if isinstance(original, dict) and isinstance(output, dict):
        for key in sorted({*original, *output}):
            yield from _differ((*path, key), original.get(key, _ABSENT), output.get(key, _ABSENT), ignored)
    elif isinstance(original, list) and isinstance(output, list):
        for index in range(max(len(original), len(output))):
            one, other = (values[index] if index < len(values) else _ABSENT for values in (original, output))
            yield from _differ((*path, str(index)), one, other, ignored)
    elif not _is_equal(original, output):
        sides = {"original": original, "output": output}
        shown = {side: quote(_spell(value)) for side, value in sides.items() if value is not _ABSENT}
        yield {"path": ".".join(path), **shown}


def _covers(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(pattern) == len(path) and all(part in ("*", name) for part, name in zip(pattern, path, strict=True))


def _is_equal(one: Any, other: Any) -> bool:
    # True is no 1 in JSON, while 1 and 1.0 are one number.
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _spell(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _judge_exact(output: bytes, original: bytes) -> Verdict:
    if output == original:
        return passed("The output is the original's, byte for byte.")
    one, other = read_text(original), read_text(output)
    at = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    return failed(
        f"The output differs from the original at character {at + 1}.",
        at=at,
        original=quote(one[at:]),
        output=quote(other[at:]),
    )


def _judge_structure(output: bytes, original: bytes, ignored: list[str]) -> Verdict:
    found = find_differences(read_json(original), read_json(output), ignored)
    shown = [difference for difference, _ in zip(found, range(MOST_DIFFERENCES + 1), strict=False)]
    if not shown:
        return passed("The output is the original's.", ignored_paths=ignored)
    count = f"more than {MOST_DIFFERENCES}" if len(shown) > MOST_DIFFERENCES else str(len(shown))
    first = shown[0]["path"] or "the value itself"
    reason = f"The output differs from the original in {count} places, first at {first}."
    if len(shown) == 1:
        reason = f"The output differs from the original at {first}."
    return failed(reason, differences=shown[:MOST_DIFFERENCES])


def _judge_similar(output: bytes, original: bytes, threshold: float) -> Verdict:
    similarity = measure_similarity(read_text(output), read_text(original))
    evidence = {"similarity": round(similarity, 4), "threshold": threshold}
    if similarity >= threshold:
        return passed(f"{similarity:.0%} like the original.", **evidence)
    return failed(f"{similarity:.0%} like the original; {threshold:.0%} is asked for.", **evidence)
