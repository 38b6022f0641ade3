"""What a call may do, told from its recording."""

from __future__ import annotations

import pytest

from reruns.effects import find_effect

CASES = [
    ("ai", "gpt-4o", None, "costs", "asks gpt-4o, which costs money"),
    ("tool", "refund", '{"order": 7}', "unknown", "runs your code, which may change what it likes"),
    ("http", "fetch", '{"url": "https://a.example/x?token=1", "method": "GET"}', "reads", "GET https://a.example/x"),
    (
        "http",
        "fetch",
        '{"method":"post","url":"https://a.example/pay"}',
        "changes",
        "POST https://a.example/pay, which",
    ),
    ("http", "https://a.example", "…", "unknown", "sends a request to https://a.example"),
    ("db", "pg.query", '"SELECT 1"', "reads", "SELECT from the database"),
    ("db", "pg.query", '"  delete from notes"', "changes", "DELETE in the database"),
    ("db", "pg.query", '"WITH gone AS (DELETE FROM notes RETURNING id) SELECT 1"', "changes", "WITH in the database"),
    ("db", "pg.query", '"WITH a AS (SELECT 1) SELECT …', "unknown", "runs a statement in the database"),
    ("db", "mongo.insert_one", '{"a": 1}', "changes", "INSERT_ONE in the database"),
    ("db", "redis.get", '"key"', "reads", "GET from the database"),
    ("db", "thing.frobnicate", '"x"', "unknown", "runs a statement in the database"),
]


@pytest.mark.parametrize(("kind", "name", "preview", "effect", "text"), CASES)
def test_effect__of_a_call__is_what_its_recording_tells(
    kind: str, name: str, preview: str | None, effect: str, text: str
) -> None:
    found = find_effect(kind, name, preview, model=None)

    assert found.kind == effect
    assert found.text.startswith(text)
