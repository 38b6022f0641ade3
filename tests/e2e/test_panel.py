"""The side panel in Chromium: conversations, values, errors, tokens and cost, and the ways out of it."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import expect

from observability.ingest.records import EventRecord, Usage
from observability.models import User
from tests.e2e.conftest import SignIn, StoreRecords, expect_texts
from tests.e2e.test_trace_page import TRACE, open_trace
from tests.records import make_event

OPENAI = [
    {"role": "system", "content": "You are the support desk. " * 20},
    {"role": "user", "content": "Where is my order?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"order": "A-1"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": '{"status": "shipped"}'},
    {"role": "assistant", "content": "It is on its way."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "The box is damaged."},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        ],
    },
]
ANTHROPIC = [
    {"role": "user", "content": "Weather in Oslo?"},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "I should ask the tool."},
            {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}},
        ],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "snow"}]},
]
STACK = """Traceback (most recent call last):
  File "/app/desk.py", line 41, in run
    return call()
  File "/usr/lib/python3.12/site-packages/httpx/_client.py", line 914, in send
    raise error
  File "/app/shop.py", line 12, in look_up
NotFound: no such order"""


def _call(span_id: str, messages: list[Any], **given: Any) -> EventRecord:
    answer = {"choices": [{"message": {"role": "assistant", "content": "**Sorry.**"}, "finish_reason": "stop"}]}
    fields: dict[str, Any] = {
        "kind": "ai",
        "name": span_id,
        "parent_span_id": "root",
        "lasts": 3,
        "input": json.dumps({"messages": messages}).encode(),
        "output": json.dumps(answer).encode(),
        **given,
    }
    return make_event(TRACE, span_id, **fields)


def test_chat__openai_messages__pair_calls_with_results_fold_the_prompt_and_show_what_is_new(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event(TRACE, "root", lasts=5), _call("call", OPENAI), _call("other", ANTHROPIC, at=4))
    page = visit(owner).page
    open_trace(page, base, "?event=call")
    chat = page.locator(".side .chat")

    expect(chat.locator(".tool-call")).to_have_count(1)
    expect(chat.locator(".tool-call")).to_contain_text('order: "A-1"')
    expect(chat.locator(".tool-returned")).to_contain_text('status: "shipped"')
    expect(chat.locator("details.system")).not_to_have_attribute("open", "")
    expect(chat.locator(".media-image")).to_have_text("image: image/png, 8 B")
    expect(chat.locator(".message.assistant").last.locator("strong")).to_have_text("Sorry.")
    page.get_by_role("button", name="Show only the 2 new").click()
    expect_texts(page, ".side .message-text", ["The box is damaged.", "Sorry."])
    page.get_by_role("button", name="Plain text").click()
    expect(page.locator(".side .message-text").nth(1)).to_have_text("**Sorry.**")
    open_trace(page, base, "?event=other")
    page.get_by_role("button", name="Show all 4 messages").click()
    expect(page.locator(".side .reasoning")).to_contain_text("I should ask the tool.")
    expect(page.locator(".side .tool-call")).to_contain_text("snow")


def test_chat__markdown_table__is_shown_as_one(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    text = (
        "By carrier:\n\n| carrier | late |\n|:--|--:|\n| **DHL** | 27 |\n| `Post` | 49 |\n\nNo | table\nhere | either"
    )
    keep(make_event(TRACE, "root", lasts=5), _call("call", [{"role": "user", "content": text}]))
    page = visit(owner).page
    open_trace(page, base, "?event=call")
    message = page.locator(".side .message-text").first

    expect(message.locator("th")).to_have_text(["carrier", "late"])
    expect(message.locator("td")).to_have_text(["DHL", "27", "Post", "49"])
    expect(message.locator("td strong")).to_have_text("DHL")
    expect(message).to_contain_text("No | table")
    expect(message.locator("table")).to_have_count(1)


def test_usage__priced_call__formula_line_by_line_and_unknown_with_its_reason(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    used = Usage(input=900, cached_input=100, output=50, total=1060)
    streamed: dict[str, Any] = {
        "extra": b'{"streamed": true}',
        "attributes": b'{"gen_ai.server.time_to_first_token": 0.5, "a": 1, "b": 2, "customer": "blue whale"}',
    }
    keep(
        make_event(TRACE, "root", lasts=9, user_id="ada@example.com"),
        _call("known", [], provider="openai", model="gpt-4o", usage=used, **streamed),
        _call("unknown", [], at=4, model="house-model-7", usage=used),
    )
    page = visit(owner).page

    open_trace(page, base, "?event=known")
    expect(page.locator(".cost-lines tr")).to_have_count(3)
    expect_texts(
        page,
        ".cost-lines tr",
        [
            "Input 900 \u00d7 $2.5 / M $0.00225",
            "Cached input 100 \u00d7 $1.25 / M $0.000125",
            "Output 50 \u00d7 $10 / M $0.0005",
        ],
    )
    usage = page.locator("[data-block=usage]")
    expect(usage).to_contain_text("The classes add up to 1,050, not to the 1,060 that the sender reported.")
    expect(usage).to_contain_text("Prices: genai-prices")
    expect(page.locator("[data-block=stream]")).to_contain_text("after 500 ms")
    page.locator("[data-block=attributes]").get_by_label("Filter attributes").fill("whale")
    expect_texts(page, ".found dt", ["customer"])
    link = page.locator(".found").get_by_role("link")
    assert "q=%22blue+whale%22" in str(link.get_attribute("href"))
    open_trace(page, base, "?event=unknown")
    expect(usage).to_contain_text("The price list does not know house-model-7.")
    expect(usage.locator("summary")).to_contain_text("unknown")


def test_values__tree__walked_by_keys_copies_path_and_value_and_shows_raw(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event(
            TRACE, "root", status="error", error_message="no", error_stack=STACK, input=b'{"a": [{"odd key": "x"}]}'
        )
    )
    visitor = visit(owner)
    page = visitor.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_trace(page, base, "?event=root")
    tree = page.get_by_role("tree", name="Input")

    tree.locator("[role=treeitem]").first.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "p"):
        page.keyboard.press(key)
    expect(page.locator(".toast").last).to_contain_text('Copied $.input.a[0]["odd key"]')
    assert page.evaluate("navigator.clipboard.readText()") == '$.input.a[0]["odd key"]'
    page.keyboard.press("c")
    expect(page.locator(".toast").last).to_contain_text("Copied the value")
    assert page.evaluate("navigator.clipboard.readText()") == "x"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(tree.get_by_role("treeitem")).to_have_count(3)
    page.locator("[data-block=input]").get_by_role("button", name="Raw").click()
    expect(page.locator("[data-block=input] .text-value")).to_contain_text('"odd key": "x"')
    expect(page.locator(".stack-fold summary")).to_have_text("1 frame in libraries")
    expect(page.locator(".stack-trace > pre").first).to_contain_text("/app/desk.py")
