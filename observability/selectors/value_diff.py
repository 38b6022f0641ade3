"""What differs between two JSON values, line by line: pure, bounded, in the order of the left one.

Objects are compared by key whatever their order, lists by the order of their items, texts line by line and word by
word. Each part is printed as people read JSON: two spaces a level.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import msgspec

from observability.selectors.compare_shapes import DiffLine

MOST_LINES = 4_000
_MOST_LINE_PAIRS = 90_000
_MOST_WORDS = 400
_MOST_WORD_PAIRS = 4_000
_MOST_ITEMS = 400
_MOST_CHARACTERS = 4_000
_CONTEXT = 120
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_ABSENT = object()


def diff_values(left: object, right: object) -> list[DiffLine]:
    """Return the lines of two decoded values, at most `MOST_LINES`."""
    lines: list[DiffLine] = []
    for line in _diff(left, right, indent=0, label="", tail=""):
        if len(lines) == MOST_LINES:
            break
        lines.append(line)
    return lines


def diff_texts(left: str, right: str) -> list[DiffLine]:
    """As `diff_values`, for two texts that are not JSON."""
    return list(_diff_lines(left.split("\n"), right.split("\n"), prefix=""))[:MOST_LINES]


def decode_or_text(value: bytes) -> object:
    """Return the JSON value, or its text where it is none."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value.decode(errors="replace")


def list_only(value: object, *, is_left: bool) -> list[DiffLine]:
    """Return the lines of a value that the other side does not have."""
    return (diff_values(value, _ABSENT) if is_left else diff_values(_ABSENT, value))[:MOST_LINES]


def _diff(left: object, right: object, *, indent: int, label: str, tail: str) -> Iterator[DiffLine]:
    if left is _ABSENT or right is _ABSENT:
        value, op = (left, "removed") if right is _ABSENT else (right, "added")
        yield from _print(value, op=op, indent=indent, label=label, tail=tail)
    elif _is_equal(left, right):
        yield from _print(left, op="same", indent=indent, label=label, tail=tail)
    elif isinstance(left, dict) and isinstance(right, dict):
        yield from _wrap(_diff_objects(left, right, indent=indent + 1), "{}", indent=indent, label=label, tail=tail)
    elif isinstance(left, list) and isinstance(right, list):
        yield from _wrap(_diff_lists(left, right, indent=indent + 1), "[]", indent=indent, label=label, tail=tail)
    elif isinstance(left, str) and isinstance(right, str) and ("\n" in left or "\n" in right):
        pad = "  " * (indent + 1)
        yield _make("same", f'{"  " * indent}{label}"""')
        yield from _diff_lines(left.split("\n"), right.split("\n"), prefix=pad)
        yield _make("same", f'{"  " * indent}"""{tail}')
    elif not isinstance(left, dict | list) and not isinstance(right, dict | list):
        pad = "  " * indent + label
        yield from _mark_words(f"{pad}{_dump(left)}{tail}", f"{pad}{_dump(right)}{tail}")
    else:
        yield from _print(left, op="removed", indent=indent, label=label, tail=tail)
        yield from _print(right, op="added", indent=indent, label=label, tail=tail)


def _wrap(lines: Iterator[DiffLine], brackets: str, *, indent: int, label: str, tail: str) -> Iterator[DiffLine]:
    yield _make("same", f"{'  ' * indent}{label}{brackets[0]}")
    yield from lines
    yield _make("same", f"{'  ' * indent}{brackets[1]}{tail}")


def _diff_objects(left: dict[str, object], right: dict[str, object], *, indent: int) -> Iterator[DiffLine]:
    for key in [*left, *(key for key in right if key not in left)]:
        label = f"{_dump(key)}: "
        yield from _diff(left.get(key, _ABSENT), right.get(key, _ABSENT), indent=indent, label=label, tail=",")


def _diff_lists(left: list[object], right: list[object], *, indent: int) -> Iterator[DiffLine]:
    for one, other in _pair_items(left, right):
        yield from _diff(one, other, indent=indent, label="", tail=",")


def _pair_items(left: list[object], right: list[object]) -> Iterator[tuple[object, object]]:
    if len(left) > _MOST_ITEMS or len(right) > _MOST_ITEMS:
        yield from _pair_in_order(left, right)
        return
    ones, others = [_dump(item) for item in left], [_dump(item) for item in right]
    for tag, start, end, other_start, other_end in SequenceMatcher(None, ones, others, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from zip(left[start:end], right[other_start:other_end], strict=True)
        else:
            yield from _pair_in_order(left[start:end], right[other_start:other_end])


def _pair_in_order(left: Sequence[object], right: Sequence[object]) -> Iterator[tuple[object, object]]:
    both = min(len(left), len(right))
    yield from zip(left[:both], right[:both], strict=True)
    yield from ((item, _ABSENT) for item in left[both:])
    yield from ((_ABSENT, item) for item in right[both:])


def _diff_lines(left: list[str], right: list[str], *, prefix: str) -> Iterator[DiffLine]:
    # Of many lines the most frequent begin no match: each would be tried against all of its like.
    is_long = len(left) * len(right) > _MOST_LINE_PAIRS
    matcher = SequenceMatcher(None, left[:MOST_LINES], right[:MOST_LINES], autojunk=is_long)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        if tag == "equal":
            yield from (_make("same", prefix + line) for line in left[start:end])
            continue
        for one, other in _pair_in_order(left[start:end], right[other_start:other_end]):
            if isinstance(one, str) and isinstance(other, str):
                yield from _mark_words(prefix + one, prefix + other)
            else:
                op, text = ("removed", one) if other is _ABSENT else ("added", other)
                yield _make(op, f"{prefix}{text}")


def _mark_words(left: str, right: str) -> Iterator[DiffLine]:
    """Yield both lines with the words that differ; of a long line what lies around them."""
    start = _count_common(left, right)
    end = min(_count_common(left[::-1], right[::-1]), len(left) - start, len(right) - start)
    # Words are compared whole: step back to the beginning of the one that differs.
    while start and left[start - 1].isalnum():
        start -= 1
    while end and left[len(left) - end].isalnum():
        end -= 1
    marks = _compare_words(left[start : len(left) - end], right[start : len(right) - end])
    for op, text, found in (("removed", left, marks[0]), ("added", right, marks[1])):
        yield _cut_around(op, text, [(start + from_, start + to) for from_, to in found], first=start)


def _compare_words(left: str, right: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    ones, others = _WORDS.findall(left), _WORDS.findall(right)
    if len(ones) > _MOST_WORDS or len(others) > _MOST_WORDS or _count_pairs(ones, others) > _MOST_WORD_PAIRS:
        return ([(0, len(left))] if left else []), ([(0, len(right))] if right else [])
    codes = SequenceMatcher(_is_between_words, ones, others, autojunk=False).get_opcodes()
    changed = [code for code in codes if code[0] != "equal"]
    return (
        _measure(ones, [(code[1], code[2]) for code in changed]),
        _measure(others, [(code[3], code[4]) for code in changed]),
    )


def _is_between_words(text: str) -> bool:
    """Say whether it is space or a sign: those are the same beside words that are, and begin no match themselves."""
    return not (text[0].isalnum() or text[0] == "_")


def _count_pairs(ones: list[str], others: list[str]) -> int:
    """Return how many words stand against one of their like: what one look for the longest match takes."""
    counts = Counter(word for word in others if not _is_between_words(word))
    return sum(counts[word] for word in ones)


def _measure(words: list[str], ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(word))
    return [(ends[start], ends[end]) for start, end in ranges if end > start]


def _cut_around(op: str, text: str, marks: list[tuple[int, int]], *, first: int) -> DiffLine:
    if len(text) <= _MOST_CHARACTERS:
        return _make(op, text, marks)
    skipped = max(0, first - _CONTEXT)
    shift = 1 - skipped if skipped else 0
    head = ("…" if skipped else "") + text[skipped : skipped + _MOST_CHARACTERS]
    moved = [(start + shift, min(end + shift, len(head))) for start, end in marks]
    return _make(op, head + "…", [mark for mark in moved if mark[0] < mark[1]])


def _is_equal(left: object, right: object) -> bool:
    # To Python `true` equals 1, to JSON it does not.
    return left == right and json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _count_common(left: str, right: str) -> int:
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))


def _print(value: object, *, op: str, indent: int, label: str, tail: str) -> Iterator[DiffLine]:
    pad = "  " * indent
    lines = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    for index, line in enumerate(lines):
        text = f"{pad}{label if not index else ''}{line}{tail if index == len(lines) - 1 else ''}"
        yield _make(op, text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…")


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _make(op: str, text: str, marks: Sequence[tuple[int, int]] = ()) -> DiffLine:
    return DiffLine(op=op, text=text, marks=tuple(marks))  # type: ignore[arg-type]
