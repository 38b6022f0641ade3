"""What the output says: texts it has or has not, and a pattern."""

from __future__ import annotations

from typing import Annotated

import re2
from msgspec import Meta

from reruns.evaluators.check import Check
from reruns.evaluators.subject import Subject, Verdict, failed, judge_output_first, passed, quote, read_text

_Text = Annotated[str, Meta(min_length=1, max_length=2_000)]
_Texts = Annotated[list[_Text], Meta(min_length=1, max_length=50)]
_REGEX_BYTES = 8 * 2**20


class OutputContains(Check, frozen=True, kw_only=True, tag="output-contains"):
    """The output has every one of these texts."""

    substrings: _Texts
    case_sensitive: bool = True

    def evaluate(self, subject: Subject) -> Verdict:
        """Look for each text."""
        if (verdict := judge_output_first(subject)) is not None:
            return verdict
        missing = [text for text in self.substrings if not _has(subject, text, case_sensitive=self.case_sensitive)]
        if missing:
            return failed(f"The output does not contain {', '.join(repr(text) for text in missing)}.", missing=missing)
        return passed(f"The output contains {', '.join(repr(text) for text in self.substrings)}.")


class OutputNotContains(Check, frozen=True, kw_only=True, tag="output-not-contains"):
    """The output has none of these texts."""

    substrings: _Texts
    case_sensitive: bool = True

    def evaluate(self, subject: Subject) -> Verdict:
        """Look for each text."""
        if (verdict := judge_output_first(subject)) is not None:
            return verdict
        found = [text for text in self.substrings if _has(subject, text, case_sensitive=self.case_sensitive)]
        if found:
            return failed(f"The output contains {', '.join(repr(text) for text in found)}.", found=found)
        return passed(f"The output contains none of {len(self.substrings)} texts.")


class Regex(Check, frozen=True, kw_only=True, tag="regex"):
    """The pattern (RE2) is found in the output."""

    pattern: Annotated[str, Meta(min_length=1, max_length=2_000)]

    def __post_init__(self) -> None:
        """Refuse a pattern that cannot be read."""
        try:
            _compile(self.pattern)
        except re2.error as error:
            raise ValueError(f"pattern: RE2 cannot read it: {error}") from error

    def evaluate(self, subject: Subject) -> Verdict:
        """Search the output. Time grows with its length alone."""
        if (verdict := judge_output_first(subject)) is not None:
            return verdict
        assert subject.output is not None
        found = _compile(self.pattern).search(read_text(subject.output))
        if found is None:
            return failed("The pattern is not found in the output.", pattern=self.pattern)
        return passed("The pattern is found in the output.", found=quote(found.group()), at=found.start())


def _has(subject: Subject, text: str, *, case_sensitive: bool) -> bool:
    assert subject.output is not None
    output = read_text(subject.output)
    return text in output if case_sensitive else text.casefold() in output.casefold()


def _compile(pattern: str) -> re2.Pattern:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _REGEX_BYTES
    return re2.compile(pattern, options=options)
