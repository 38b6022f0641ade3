"""The stand-in model's answers."""

from __future__ import annotations

import json
from typing import Any

from demo import prompts
from demo.completions import complete_chat, render_completion, render_stream, split_words

QUESTION = "Hi, my order KO-10480 was meant to be here on Friday. Where is it?"
ORDER = {
    "id": "KO-10480",
    "status": "delayed",
    "carrier": "DHL",
    "tracking": "DH123456789",
    "items": [{"name": "Haul"}],
}


def _ask(text: str, **options: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": prompts.SUPPORT}, {"role": "user", "content": text}]
    return {"model": "gpt-4o", "messages": messages, **options}


def _read_stream(parts: list[bytes]) -> list[dict[str, Any]]:
    lines = b"".join(parts).decode().split("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]


def test_complete_chat__same_request_twice__gives_the_same_answer() -> None:
    request = _ask(QUESTION)

    first, second = complete_chat(request), complete_chat(request)

    assert render_completion(first) == render_completion(second)


def test_complete_chat__tools_offered_and_order_named__calls_lookup_and_search() -> None:
    request = _ask(QUESTION, tools=prompts.SUPPORT_TOOLS)

    answer = render_completion(complete_chat(request))

    calls = answer["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["lookup_order", "search_docs"]
    assert json.loads(calls[0]["function"]["arguments"]) == {"order_id": "KO-10480"}
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


def test_complete_chat__tool_results_given__answers_with_their_facts() -> None:
    request = _ask(QUESTION, tools=prompts.SUPPORT_TOOLS)
    called = render_completion(complete_chat(request))["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": json.dumps(ORDER)}
    request["messages"] = [*request["messages"], called, result]

    text = render_completion(complete_chat(request))["choices"][0]["message"]["content"]

    assert "KO-10480" in text
    assert "DH123456789" in text


def test_complete_chat__german_question__answers_in_german() -> None:
    request = _ask("Guten Tag, wo bleibt meine Bestellung KO-10480?")

    text = render_completion(complete_chat(request))["choices"][0]["message"]["content"]

    assert "Bestellung" in text


def test_complete_chat__unknown_system_prompt__still_answers() -> None:
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": "What is a tarp?"}]}

    text = render_completion(complete_chat(request))["choices"][0]["message"]["content"]

    assert "What is a tarp?" in text


def test_count_usage__first_request__caches_nothing_and_adds_up() -> None:
    usage = complete_chat(_ask(QUESTION)).usage

    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_count_usage__continued_conversation__caches_whole_steps_of_the_earlier_part() -> None:
    request = _ask(QUESTION)
    answer = {"role": "assistant", "content": "I am looking. " * 40}
    request["messages"] = [*request["messages"], answer, {"role": "user", "content": "And?"}]

    usage = complete_chat(request).usage

    cached = usage["prompt_tokens_details"]["cached_tokens"]
    assert cached > 0
    assert cached % 128 == 0
    assert cached < usage["prompt_tokens"]


def test_render_stream__text_answer__pieces_join_to_the_text_and_end_with_usage() -> None:
    completion = complete_chat(_ask(QUESTION))

    parts = list(render_stream(completion, includes_usage=True))

    chunks = _read_stream(parts)
    pieces = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert "".join(pieces) == completion.reply.text
    assert chunks[-1]["usage"] == completion.usage
    assert parts[-1] == b"data: [DONE]\n\n"


def test_render_stream__tool_calls__are_sent_with_their_index() -> None:
    completion = complete_chat(_ask(QUESTION, tools=prompts.SUPPORT_TOOLS))

    chunks = _read_stream(list(render_stream(completion, includes_usage=False)))

    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert [call["index"] for delta in deltas for call in delta.get("tool_calls", [])] == [0, 1]


def test_split_words__any_text__joins_back_to_itself() -> None:
    text = "one two  three four five\n\nsix"

    assert "".join(split_words(text)) == text
