"""What a call may do to the world when it runs for real, as far as its recording tells. Pure.

A tool may do anything its code does; HTTP and database calls say by method and verb whether they change something.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

EffectKind = Literal["reads", "changes", "costs", "unknown"]

_METHOD = re.compile(r'"method"\s*:\s*"([A-Za-z]{1,10})"')
_URL = re.compile(r'"url"\s*:\s*"([^"?#]{1,120})')
_VERB = re.compile(r"[A-Za-z_]+")
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_READING_VERBS = {
    "SELECT",
    "SHOW",
    "EXPLAIN",
    "DESCRIBE",
    "WITH",
    "VALUES",
    "FIND",
    "FIND_ONE",
    "FINDONE",
    "GET",
    "HGET",
}
_CHANGING_VERBS = {
    *(
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "REPLACE",
        "UPSERT",
        "CREATE",
        "DROP",
        "ALTER",
        "TRUNCATE",
        "GRANT",
        "CALL",
    ),
    *("SET", "HSET", "DEL", "INSERT_ONE", "UPDATE_ONE", "DELETE_ONE", "INSERTONE", "UPDATEONE", "DELETEONE"),
}
_WRITES_WITHIN = re.compile(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\b", re.IGNORECASE)


class Effect(NamedTuple):
    """What may happen, in one word and in a few."""

    kind: EffectKind
    text: str


def find_effect(kind: str, name: str, preview: str | None, *, model: str | None) -> Effect:
    """Return what a call may do. `preview` is the beginning of its input as JSON text, redacted."""
    if kind == "ai":
        return Effect("costs", f"asks {model or name}, which costs money")
    if kind == "http":
        return _find_http(name, preview or "")
    if kind == "db":
        return _find_db(name, preview or "")
    return Effect("unknown", "runs your code, which may change what it likes")


def _find_http(name: str, preview: str) -> Effect:
    method, url = _METHOD.search(preview), _URL.search(preview)
    place = url.group(1) if url else name if "://" in name else "its address"
    if method is None:
        return Effect("unknown", f"sends a request to {place}")
    word = method.group(1).upper()
    if word in _SAFE_METHODS:
        return Effect("reads", f"{word} {place}")
    return Effect("changes", f"{word} {place}, which may change something there")


def _find_db(name: str, preview: str) -> Effect:
    """Look at the statement's first word, else at the method's name: `mongo.insert_one`, `redis.set`."""
    statement = _VERB.search(preview)
    for word in (statement.group().upper() if statement else "", name.rpartition(".")[2].upper()):
        if word in _CHANGING_VERBS or (word == "WITH" and _WRITES_WITHIN.search(preview)):
            return Effect("changes", f"{word} in the database")
        if word == "WITH" and preview.endswith("\N{HORIZONTAL ELLIPSIS}"):
            return Effect("unknown", "runs a statement in the database")
        if word in _READING_VERBS:
            return Effect("reads", f"{word} from the database")
    return Effect("unknown", "runs a statement in the database")
