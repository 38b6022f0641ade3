"""From the text of a query to its tree, by recursive descent.

    query     = alternatives?
    alternatives = all { "OR" all }
    all       = one { ["AND"] one }
    one       = ("NOT" | "-") one | "(" alternatives ")" | condition | word | quoted
    condition = field operator values
    values    = value { "," value } | "(" value { ("OR" | ",") value } ")"
    value     = { bare | quoted } | "/" regex "/"    -- without space between; `*` in a bare part stands for anything

Bounds: `MOST_CHARACTERS` characters, `MOST_TERMS` values and words, `MOST_DEPTH` levels of parentheses and NOT.

A room with fields of its own derives from `Parser`, so that the same grammar is spoken everywhere.
"""

from __future__ import annotations

import re
from typing import NoReturn

from observability.ingest.terms import query_terms
from observability.query.errors import QueryError
from observability.query.fields import Field, FieldKind, find_field, suggest_field
from observability.query.nodes import EQUAL, NO_QUERY, NOT_EQUAL, Node, Query, Term, Text, all_of, any_of, negate
from observability.query.values import Exact, Moment, Pattern, Regex, Value, read_number, read_time

MOST_CHARACTERS = 1_000
MOST_TERMS = 50
MOST_DEPTH = 10

_SPACE = re.compile(r"\s*")
_KEYWORD = re.compile(r'(AND|OR|NOT)(?=[\s()"]|$)')
# `chat::1795::c1` and `https://…` are words: what follows the colon says so.
_FIELD = re.compile(r"([A-Za-z_][\w.]*)(!=|>=|<=|>|<|=|:(?!:|//)(?:!=|>=|<=|>|<)?)", re.ASCII)
# With space around it only a field's name is taken for one: `a > b` may be text.
_SPACED_FIELD = re.compile(r"([A-Za-z_][\w.]*)\s*(!=|>=|<=|>|<)\s*", re.ASCII)
_WORD = re.compile(r'[^\s"()]+')
_BARE = re.compile(r'[^\s"(),]+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/", re.DOTALL)
_WANTED = {
    FieldKind.COUNT: "needs a whole number, such as 100 or 1k",
    FieldKind.DURATION: "needs a duration, such as 500ms, 2s or 1.5m",
    FieldKind.COST: "needs a number, such as 0.01",
    FieldKind.TIME: "needs a time, such as 2026-11-01, 2026-11-01T09:30Z or -2h",
}


def parse_query(text: str) -> Query:
    """Return what a text asks for; an empty one asks for nothing. Raises `QueryError`, which names the place."""
    return Parser(text).read()


class Parser:
    """Where the reading stands in one text. What a room may do otherwise comes first."""

    most_characters = MOST_CHARACTERS
    most_terms = MOST_TERMS
    most_depth = MOST_DEPTH

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._terms = 0

    def find_field(self, name: str) -> Field | None:
        """Return the field of this name."""
        return find_field(name)

    def suggest_field(self, name: str) -> str | None:
        """Return the field that was probably meant."""
        return suggest_field(name)

    def explain_star(self) -> str:
        """Say what to write instead of a `*` in text."""
        return "text is found by whole words: leave out the `*`, or name a field, such as `workflow:chat*`"

    def explain_text(self, text: str) -> str | None:
        """Say what is wrong with a text to search for, if anything is."""
        return None if query_terms(text) else "nothing to search for here: text needs a letter or a digit"

    def explain_regex(self, pattern: str) -> str | None:
        """Say what is wrong with a pattern, if anything is."""
        return None

    # --- The whole ------------------------------------------------------------------------------------------------

    def read(self) -> Query:
        """Return what the text asks for. Raises `QueryError`."""
        most = self.most_characters
        if len(self._text) > most:
            raise QueryError(f"use at most {most} characters", position=most, length=len(self._text) - most)
        if "\x00" in self._text:
            raise QueryError("a query cannot hold the character NUL", position=self._text.index("\x00"))
        self._skip_space()
        if self._is_at_end():
            return NO_QUERY
        root = self._read_alternatives()
        if not self._is_at_end():
            self._fail("this closes nothing: remove `)`, or put it in quotes")
        return Query(root)

    # --- Groups ---------------------------------------------------------------------------------------------------

    def _read_alternatives(self) -> Node:
        found = [self._read_all()]
        while self._take_keyword("OR"):
            found.append(self._read_all())
        return any_of(found)

    def _read_all(self) -> Node:
        found = [self._read_one()]
        while True:
            if self._take_keyword("AND"):
                found.append(self._read_one())
            elif self._is_at_end() or self._peek(")") or self._peek_keyword() == "OR":
                return all_of(found)
            else:
                found.append(self._read_one())

    def _read_one(self) -> Node:
        start = self._at
        keyword = self._peek_keyword()
        if self._is_at_end() or self._peek(")") or keyword in ("AND", "OR"):
            self._fail_for_lack(keyword)
        if self._take_keyword("NOT") or self._take_minus():
            with_depth = self._enter(start)
            found = negate(self._read_one())
            self._depth = with_depth
            return found
        if self._peek("("):
            return self._read_group()
        if self._peek('"'):
            return self._make_text(self._read_quoted(), start)
        if (field := self._take_field()) is not None:
            return self._read_condition(*field)
        return self._read_word()

    def _read_group(self) -> Node:
        start = self._at
        before = self._enter(start)
        self._step(1)
        if self._peek(")"):
            raise QueryError("nothing between the parentheses", position=start, length=self._at + 1 - start)
        found = self._read_alternatives()
        if not self._peek(")"):
            raise QueryError("unclosed `(`: close it with `)`, or put it in quotes", position=start)
        self._step(1)
        self._depth = before
        return found

    def _enter(self, start: int) -> int:
        """Go one level down and return the level before."""
        before = self._depth
        self._depth += 1
        if self._depth > self.most_depth:
            raise QueryError(f"nested too deep: use at most {self.most_depth} levels", position=start)
        return before

    # --- Text -----------------------------------------------------------------------------------------------------

    def _read_word(self) -> Node:
        start = self._at
        found = _WORD.match(self._text, start)
        assert found is not None
        if "*" in found[0]:
            raise QueryError(self.explain_star(), position=start + found[0].index("*"))
        self._step(len(found[0]))
        return self._make_text(found[0], start)

    def _make_text(self, text: str, start: int) -> Node:
        length = max(1, len(self._text[start : self._at].rstrip()))
        if (wrong := self.explain_text(text)) is not None:
            raise QueryError(wrong, position=start, length=length)
        self._count_term(start, length)
        return Text(text)

    def _read_quoted(self) -> str:
        found = _QUOTED.match(self._text, self._at)
        if found is None:
            raise QueryError('unclosed quote: close it with `"`', position=self._at, length=len(self._text) - self._at)
        self._step(len(found[0]))
        return _ESCAPED.sub(r"\1", found[1])

    # --- Fields ---------------------------------------------------------------------------------------------------

    def _take_field(self) -> tuple[Field, str, int, int] | None:
        """Return a field, its operator, and where the name starts and the operator ends, if one stands here."""
        start = self._at
        found = _FIELD.match(self._text, start)
        if found is None:
            found = _SPACED_FIELD.match(self._text, start)
            if found is None or self.find_field(found[1]) is None:
                return None
        field = self.find_field(found[1])
        if field is None:
            meant = self.suggest_field(found[1])
            advice = f"did you mean `{meant}`?" if meant else 'put it in quotes to search for it as text: `"…"`'
            raise QueryError(f"unknown field `{found[1]}`, {advice}", position=start, length=len(found[1]))
        operator = found[2].removeprefix(":") or EQUAL
        operator = EQUAL if operator == "=" else operator
        self._at = found.end()
        if operator not in (EQUAL, NOT_EQUAL):
            if not field.is_comparable:
                message = f"`{field.name}` has no order: write `{field.name}:{field.example}`"
                raise QueryError(message, position=start, length=len(found[0].rstrip()))
            self._skip_space()
        return field, operator, start, len(found[0].rstrip())

    def _read_condition(self, field: Field, operator: str, start: int, length: int) -> Node:
        values = self._read_values(field, operator, start, length)
        end = len(self._text[: self._at].rstrip())
        if operator not in (EQUAL, NOT_EQUAL):
            if len(values) > 1 or isinstance(values[0], Pattern):
                message = f"`{operator}` needs one value, such as `{field.name}{operator}{field.example}`"
                raise QueryError(message, position=start, length=end - start)
        elif any(_has_no_extent(value) for value in values) and field.kind is FieldKind.TIME:
            message = f"a moment is hit by hardly anything: write `{field.name}>…` or `{field.name}<…`, or a whole day"
            raise QueryError(message, position=start, length=end - start)
        return Term(field.name, operator, values)

    def _read_values(self, field: Field, operator: str, start: int, length: int) -> tuple[Value, ...]:
        if not self._peek("("):
            values = [self._read_value(field, start, length)]
            while self._peek(","):
                self._at += 1
                values.append(self._read_value(field, start, length))
            self._skip_space()
            return tuple(dict.fromkeys(values))
        opened = self._at
        self._step(1)
        values = [self._read_listed(field, start, length)]
        while not self._peek(")"):
            if self._is_at_end():
                raise QueryError("unclosed `(`: close it with `)`", position=opened)
            if self._peek_keyword() == "AND":
                message = f"write `{field.name}:a {field.name}:b` for what must have both"
                raise QueryError(message, position=self._at, length=3)
            if self._peek(","):
                self._step(1)
            elif not self._take_keyword("OR"):
                self._fail(f'write OR between values, or quotes around one with spaces: `{field.name}:"…"`')
            values.append(self._read_listed(field, start, length))
        self._step(1)
        return tuple(dict.fromkeys(values))

    def _read_listed(self, field: Field, start: int, length: int) -> Value:
        value = self._read_value(field, start, length)
        self._skip_space()
        return value

    def _read_value(self, field: Field, field_start: int, field_length: int) -> Value:
        """Read bare and quoted parts that touch; a `*` in a bare part separates the texts of a pattern."""
        start = self._at
        if field.takes_regex and self._peek("/"):
            return self._read_regex(field)
        parts, is_quoted = [""], False
        while not self._is_at_end():
            if self._peek('"'):
                found = _QUOTED.match(self._text, self._at)
                if found is None:
                    self._read_quoted()
                assert found is not None
                parts[-1] += _ESCAPED.sub(r"\1", found[1])
                is_quoted = True
            else:
                found = _BARE.match(self._text, self._at)
                if found is None:
                    break
                first, *others = found[0].split("*")
                parts[-1] += first
                parts += others
            self._at = found.end()
        if self._at == start:
            message = f"`{field.name}` needs a value, such as `{field.name}:{field.example}`; "
            message += "to search for it as text, put it in quotes"
            raise QueryError(message, position=field_start, length=field_length)
        self._count_term(start, self._at - start)
        return self._make_value(field, parts, start, is_quoted=is_quoted)

    def _read_regex(self, field: Field) -> Value:
        start = self._at
        found = _REGEX.match(self._text, start)
        if found is None:
            message = f'unclosed pattern: close it with `/`, or put it in quotes: `{field.name}:"…"`'
            raise QueryError(message, position=start, length=len(self._text) - start)
        self._at = found.end()
        self._count_term(start, self._at - start)
        pattern = found[1].replace("\\/", "/")
        if (wrong := self.explain_regex(pattern)) is not None:
            self._fail_value(wrong, start)
        return Regex(pattern)

    def _make_value(self, field: Field, parts: list[str], start: int, *, is_quoted: bool) -> Value:
        if len(parts) > 1:
            pattern = Pattern(_shorten(parts))
            if not pattern.is_anything and field.kind is not FieldKind.TEXT:
                self._fail_value(f"`*` with other letters works in texts, not in `{field.name}`", start)
            return pattern
        text = parts[0]
        if field.kind in (FieldKind.TEXT, FieldKind.CONTAINED):
            if not text:
                self._fail_value(f"write `-{field.name}:*` for what has no {field.name}", start)
            return Exact(text)
        if field.kind is FieldKind.CHOICE:
            if text.lower() not in field.choices:
                self._fail_value(f"`{field.name}` is one of {', '.join(field.choices)}", start)
            return Exact(text.lower())
        value = read_time(text) if field.kind is FieldKind.TIME else read_number(field, text)
        if value is None:
            self._fail_value(f"`{field.name}` {_WANTED[field.kind]}", start)
        return value

    # --- Letters --------------------------------------------------------------------------------------------------

    def _is_at_end(self) -> bool:
        return self._at >= len(self._text)

    def _peek(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def _peek_keyword(self) -> str | None:
        found = _KEYWORD.match(self._text, self._at)
        return found[1] if found else None

    def _take_keyword(self, keyword: str) -> bool:
        if self._peek_keyword() != keyword:
            return False
        self._step(len(keyword))
        return True

    def _take_minus(self) -> bool:
        following = self._text[self._at + 1 : self._at + 2]
        if not self._peek("-") or not following.strip() or following == ")":
            return False
        self._at += 1
        return True

    def _step(self, length: int) -> None:
        self._at += length
        self._skip_space()

    def _skip_space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _count_term(self, start: int, length: int) -> None:
        self._terms += 1
        if self._terms > self.most_terms:
            raise QueryError(f"use at most {self.most_terms} words and values", position=start, length=length)

    def _fail(self, message: str) -> NoReturn:
        raise QueryError(message, position=self._at)

    def _fail_value(self, message: str, start: int) -> NoReturn:
        raise QueryError(message, position=start, length=max(1, self._at - start))

    def _fail_for_lack(self, keyword: str | None) -> NoReturn:
        """Say that a condition is missing where the reading stands."""
        if keyword:
            message = f'`{keyword}` needs a condition on both sides; as a word, put it in quotes: `"{keyword}"`'
            raise QueryError(message, position=self._at, length=len(keyword))
        end = len(self._text.rstrip())
        raise QueryError("a condition is missing here", position=min(self._at, max(0, end - 1)))


def _has_no_extent(value: Value) -> bool:
    return not isinstance(value, Pattern) and not (isinstance(value, Moment) and value.is_day)


def _shorten(parts: list[str]) -> tuple[str, ...]:
    """Return the parts without empty ones in the middle: `a**b` is `a*b`."""
    middle = [part for part in parts[1:-1] if part]
    return (parts[0], *middle, parts[-1])
