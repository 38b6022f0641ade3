"""What a filter means: a function from a line to yes or no, made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import re2

from debugconsole.filters.fields import STRUCTURED
from debugconsole.wire.lines import RANKS, Line
from observability.query import NO_QUERY, And, Exact, Node, Not, Or, Pattern, Query, Regex, Term, Text, Value

Predicate = Callable[[Line], bool]

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">": int.__gt__,
    ">=": int.__ge__,
    "<": int.__lt__,
    "<=": int.__le__,
}


@dataclass(frozen=True)
class Filter:
    """What is asked for, and whether a line is it. Equal filters ask for the same."""

    query: Query
    matches: Predicate = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        root = self.query.root
        object.__setattr__(self, "matches", _everything if root is None else _compile(root))

    def to_text(self) -> str:
        """Return the canonical spelling."""
        return self.query.to_text()


def compile_regex(pattern: str) -> Any:
    """Compile an RE2 pattern, whatever the case and over line breaks. Raises `re2.error`."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.dot_nl = True
    options.max_mem = 8 * 2**20
    return re2.compile(pattern, options)


def _everything(line: Line) -> bool:
    return True


def _compile(node: Node) -> Predicate:
    if isinstance(node, Text):
        return _contains(node.text)
    if isinstance(node, Not):
        inner = _compile(node.item)
        return lambda line: not inner(line)
    if isinstance(node, And):
        every = [_compile(item) for item in node.items]
        return lambda line: all(item(line) for item in every)
    if isinstance(node, Or):
        either = [_compile(item) for item in node.items]
        return lambda line: any(item(line) for item in either)
    return _compile_term(node)


def _compile_term(term: Term) -> Predicate:
    if term.operator in _COMPARE:
        compare, rank = _COMPARE[term.operator], RANKS[_text_of(term.values[0])]
        return lambda line: compare(line.rank, rank)
    either = [_compile_value(term.field, value) for value in term.values]
    if term.operator == "!=":
        return lambda line: not any(item(line) for item in either)
    return lambda line: any(item(line) for item in either)


def _compile_value(name: str, value: Value) -> Predicate:
    if isinstance(value, Regex):
        search = compile_regex(value.pattern).search
        return lambda line: search(line.message) is not None
    if name == "message":
        return _has_message if isinstance(value, Pattern) else _contains(_text_of(value))
    read = _reader_of(name)
    if isinstance(value, Pattern):
        if value.is_anything:
            return lambda line: read(line) is not None
        fits = compile_regex(".*".join(re2.escape(part) for part in value.parts)).fullmatch
        return lambda line: (text := read(line)) is not None and fits(text) is not None
    wanted = _text_of(value).casefold()
    return lambda line: (text := read(line)) is not None and text.casefold() == wanted


def _contains(text: str) -> Predicate:
    wanted = text.lower()
    return lambda line: wanted in line.message.lower()


def _has_message(line: Line) -> bool:
    return bool(line.message)


def _reader_of(name: str) -> Callable[[Line], str | None]:
    if not name.startswith(STRUCTURED):
        return lambda line: getattr(line, name)
    path = name.removeprefix(STRUCTURED)
    return lambda line: _read_field(line.fields, path)


def _read_field(fields: dict[str, Any] | None, path: str) -> str | None:
    """Return a structured field as text: by its whole name, or step by step at the dots."""
    found: Any = fields
    for name in [path] if fields and path in fields else path.split("."):
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    if isinstance(found, bool):
        return "true" if found else "false"
    return None if found is None or isinstance(found, dict | list) else str(found)


def _text_of(value: Value) -> str:
    assert isinstance(value, Exact)
    return value.text


NO_FILTER = Filter(NO_QUERY)
