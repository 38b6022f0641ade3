"""What inputs and outputs say: errors, models, system prompts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from observability.ingest.sdk.values import (
    ErrorFacts,
    find_error,
    find_http_error,
    find_model,
)
from observability.ingest.text import hash_prompt

encode = msgspec.json.encode


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ({"error": "boom"}, ErrorFacts("boom")),
        ({"error": "no such order", "order": None}, ErrorFacts("no such order")),
        ({"error": {"message": "overloaded", "type": "server_error"}}, ErrorFacts("overloaded", "server_error")),
        ({"error": {"message": "m", "code": 42, "stack": "at a.js"}}, ErrorFacts("m", "42", "at a.js")),
        ({"error": {"reason": "x"}}, ErrorFacts('{"reason":"x"}')),
        ({"error": True}, ErrorFacts("true")),
        ({"error": None}, None),
        ({"error": ""}, None),
        ({"error": False, "rows": []}, None),
        ({"error": 1, "rows": []}, None),
        ({"errors": "boom"}, None),
        ({"result": {"error": "inside"}}, None),
        (["error"], None),
        ("error", None),
        (None, None),
    ],
)
def test_find_error__output(output: object, error: ErrorFacts | None) -> None:
    assert find_error(encode(output)) == error


def _respond(status: object, **fields: object) -> dict[str, Any]:
    return {"url": "https://crm.example", "method": "GET", "__elasticdashResponse": {"status": status, **fields}}


@pytest.mark.parametrize(
    ("given", "output", "error"),
    [
        ({"method": "GET", "url": "u"}, {"status": 404}, ErrorFacts("HTTP 404 Not Found", "404")),
        ({"method": "GET", "url": "u"}, {"status": 399}, None),
        (_respond(503, statusText="Busy"), {"status": 200}, ErrorFacts("HTTP 503 Busy", "503")),
        (_respond(599), None, ErrorFacts("HTTP 599", "599")),
        (_respond(200), {"status": 500}, None),
        (_respond(200), {"error": "a field of the far end"}, None),
        (_respond("many"), {"error": "x"}, None),
        ({"url": "u"}, {"error": "getaddrinfo failed"}, ErrorFacts("getaddrinfo failed")),
        ({"url": "u"}, {"status": 404, "id": 7}, None),
        ({"url": "u"}, None, None),
    ],
)
def test_find_http_error__response(given: object, output: object, error: ErrorFacts | None) -> None:
    assert find_http_error(encode(given), encode(output)) == error


@pytest.mark.parametrize(
    ("given", "name", "model", "provider"),
    [
        ({"model": "gpt-4o", "provider": "openai"}, "gpt", "gpt-4o", "openai"),
        ({"llmRequest": {"model": "gpt-4o"}}, "named", "gpt-4o", None),
        ({"messages": []}, "named", "named", None),
        ({"model": 7, "provider": ["x"]}, "named", "named", None),
        ({"args": [1], "kwargs": {"model": "inner", "provider": "p"}}, "named", "inner", "p"),
        ("prompt", "named", "named", None),
        (None, "named", "named", None),
        (None, "unknown", None, None),
    ],
)
def test_find_model__input(given: object, name: str, model: str | None, provider: str | None) -> None:
    facts = find_model(None if given is None else encode(given), name=name)

    assert (facts.model, facts.provider) == (model, provider)


SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        ({"messages": [SYSTEM, USER]}, "Be brief."),
        ({"messages": [USER, SYSTEM]}, "Be brief."),
        ({"messages": [{**SYSTEM, "role": "developer"}]}, "Be brief."),
        ({"messages": [{**SYSTEM, "content": [{"type": "text", "text": "a"}, {"text": "b"}, {"image": 1}]}]}, "a\nb"),
        ({"messages": [USER], "system": "Answer in French."}, "Answer in French."),
        ({"messages": [USER], "system": [{"type": "text", "text": "Answer."}]}, "Answer."),
        ({"instructions": "Do.", "input": "x"}, "Do."),
        ({"input": [SYSTEM, USER]}, "Be brief."),
        ([SYSTEM, USER], "Be brief."),
        ({"args": [1], "kwargs": {"messages": [SYSTEM]}}, "Be brief."),
        ({"messages": [USER]}, None),
        ({"messages": [7, None, {"role": 1}, {"role": "system"}]}, None),
        ({"messages": "Be brief."}, None),
        ({"system": ""}, None),
        ("Be brief.", None),
    ],
)
def test_find_model__input__prompt_is_known_by_its_hash(given: object, prompt: str | None) -> None:
    assert find_model(encode(given), name="m").prompt_hash == (prompt and hash_prompt(prompt))
