"""What a run answered, beside what the source answered, line by line. Values as people see them, redacted."""

from __future__ import annotations

from observability.selectors.compare_shapes import DiffLine
from observability.selectors.value_diff import decode_or_text, diff_texts, diff_values, list_only
from reruns.models import Run, Trigger
from reruns.selectors.output_shapes import ComparedOutput
from reruns.selectors.subjects import load_original_output, read_output

MOST_BYTES = 256 * 1024
"""Of a larger output the beginnings are compared, as text."""


def compare_output(trigger: Trigger, run: Run) -> ComparedOutput:
    """Return the difference of one run's output to the original's. Up to four queries, and a read of storage."""
    original, missing = load_original_output(trigger, run.step)
    output, withheld = read_output(run)
    is_cut = max(len(original or b""), len(output or b"")) > MOST_BYTES
    return ComparedOutput(
        step=run.step,
        run=run.number,
        original_bytes=None if original is None else len(original),
        output_bytes=run.output_bytes,
        why_no_original=missing if original is None else "",
        why_no_output=(withheld or _explain(run)) if output is None else "",
        is_same=_is_same(original, output, is_cut=is_cut),
        is_cut=is_cut,
        lines=_diff(original, output, is_cut=is_cut),
    )


def _is_same(original: bytes | None, output: bytes | None, *, is_cut: bool) -> bool | None:
    if original is None or output is None:
        return None
    return original == output if is_cut else decode_or_text(original) == decode_or_text(output)


def _explain(run: Run) -> str:
    if run.answered_at is None:
        return "It has not answered yet." if run.state == Run.State.WAITING else "It did not answer."
    return "It failed." if run.ok is False else "It answered nothing."


def _diff(original: bytes | None, output: bytes | None, *, is_cut: bool) -> list[DiffLine]:
    if is_cut:
        texts = [(value or b"")[:MOST_BYTES].decode(errors="replace") for value in (original, output)]
        return diff_texts(*texts)
    if original is None or output is None:
        one = original if output is None else output
        return [] if one is None else list_only(decode_or_text(one), is_left=output is None)
    return diff_values(decode_or_text(original), decode_or_text(output))
