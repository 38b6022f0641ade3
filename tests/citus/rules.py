"""What Citus refuses, or answers slowly, read off the text of one SQL statement.

Citus is not needed for this: each rule is one that a distributed copy of the store was seen to break (docs/scaling.md).
A statement is cut into its scopes, one a SELECT, so that a range in one subquery excuses no other. The rules read text
and know the words of this code base; what they do not understand they report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from observability.services.partitions import TIME_COLUMNS
from observability.sql.store import DISTRIBUTED

_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|%%", re.DOTALL)
_STARTS = ("select", "with", "insert", "delete", "update", "values")
_VOLATILE = (
    "now|current_timestamp|clock_timestamp|statement_timestamp|transaction_timestamp|localtimestamp|random|"
    "gen_random_uuid|nextval|txid_current|pg_backend_pid"
)
_TABLES = "|".join(sorted(DISTRIBUTED, key=len, reverse=True))
_READS = re.compile(
    rf"\b(?:from|join|update|using)\s+(?:only\s+)?(?P<table>{_TABLES})(?P<part>_default|_p\d+)?\b(?!\s*[.(])"
    r"(?:\s+as)?(?:\s+(?P<alias>(?!where|set|join|left|inner|cross|on|using|order|group|limit|for|returning|union)\w+))?"
)
_WRITES = re.compile(rf"\binsert\s+into\s+(?P<table>{_TABLES})\b")


@lru_cache(maxsize=4096)
def find_breaches(statement: str) -> tuple[str, ...]:
    """Return what is wrong with a statement, in words; nothing when it may run on Citus."""
    text = _normalize(statement)
    found = [*_check_whole(text)]
    if re.match(r"(create|alter|drop|truncate|lock|set|copy|explain)\b", text) is None:
        for scope in _split(text):
            found += _check_scope(scope)
    return tuple(dict.fromkeys(found))


def _normalize(statement: str) -> str:
    """Return it without literals, comments, quotes of names, and case, with single spaces."""
    bare = _NOISE.sub(lambda match: "''" if match[0].startswith("'") else " ", statement)
    bare = re.sub(r'"public"\.|"', "", re.sub(r"%\(\w+\)[sb]|%[sbt]", "?", bare))
    return re.sub(r"\s+", " ", bare).strip().lower()


def _split(text: str) -> Iterator[str]:
    """Yield each SELECT of a statement on its own, the inner ones first; other parentheses stay where they are."""
    stack: list[list[str]] = [[]]
    for part in re.split(r"([()])", text):
        if part == "(":
            stack.append([])
        elif part == ")" and len(stack) > 1:
            inner = "".join(stack.pop())
            if inner.strip().startswith(_STARTS):
                yield from re.split(r"\b(?:union|except|intersect)\b", inner)
                inner = ""
            stack[-1].append(f"({inner})")
        else:
            stack[-1].append(part)
    yield from re.split(r"\b(?:union|except|intersect)\b", "".join(stack[0]))


def _check_whole(text: str) -> Iterator[str]:
    if re.search(r"\b(pg_(try_)?advisory_\w+|pg_notify)\s*\(|^(listen|notify|unlisten)\b", text):
        yield "advisory locks and LISTEN/NOTIFY reach the connected node only"
    if re.search(rf"\bcreate\s+(constraint\s+)?trigger\b.*\bon\s+({_TABLES})\b", text):
        yield "triggers on distributed tables are refused"
    if re.search(rf"\breferences\s+({_TABLES})\b|\balter table (only )?({_TABLES})\b.*\bforeign key\b", text):
        yield "foreign keys to or from the store"
    if re.search(rf"\bconcurrently\b.*\b({_TABLES})\b|\b({_TABLES})\b.*\bdetach partition\b.*\bconcurrently\b", text):
        yield "CONCURRENTLY on a partitioned parent is refused"
    for match in re.finditer(r"\bon conflict\b(?P<target>.*?)\bdo update set\b(?P<sets>.*)", text):
        if re.search(rf"\b({_VOLATILE})\b", match["sets"]):
            yield "DO UPDATE SET must be immutable: pass the value in"


def _check_scope(scope: str) -> Iterator[str]:
    if _READS.search(scope) and re.search(r"\b(?:from|join|using)\s+(observability|auth|django)_\w+", scope):
        yield "a join with a table of the coordinator"
    for match in _WRITES.finditer(scope):
        table = match["table"]
        conflict = re.search(r"\bon conflict\s*\((.*?)\)", scope)
        if conflict and not re.search(r"\bproject_id\b", conflict[1]):
            yield f"{table}: a conflict target without the project"
    for match in _READS.finditer(scope):
        table, names = match["table"], _list_names(match)
        if not _is_bound(scope, names, "project_id"):
            yield f"{table}: no project"
            if re.search(r"\bfor (no key )?(update|share)\b", scope):
                yield f"{table}: FOR UPDATE across projects is refused"
        if table in TIME_COLUMNS and not match["part"] and not _is_bound(scope, names, TIME_COLUMNS[table]):
            yield f"{table}: no time range"


def _list_names(match: re.Match[str]) -> str:
    """Return by what a column of the table may be called in its scope, as a pattern."""
    named = match["alias"] or match["table"]
    return rf"(?:(?<![\w.]){named}\.|(?<![\w.]))"


def _is_bound(scope: str, names: str, column: str) -> bool:
    """Say whether a condition compares the column, alone or as the first of a row, or joins by its name."""
    compared = rf"{names}{column}\b\s*(?:=|<|>|between\b|in\b|is not distinct\b)"
    as_row = rf"\((?:[\w.]+, )*{names}{column}\b[^()]*\)\s*(?:=|<|>|in\b)"
    turned = rf"(?:=|<|>)\s*{names}{column}\b"
    joined = rf"\busing\s*\([^()]*\b{column}\b"
    return any(re.search(pattern, scope) for pattern in (compared, as_row, turned, joined))
