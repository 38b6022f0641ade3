"""The Flow tab in Chromium: folded calls, keys along the arrows, the panel, and a run that grows while watched."""

from __future__ import annotations

from playwright.sync_api import expect

from observability.models import User
from tests.e2e.conftest import SignIn, StoreRecords, expect_texts
from tests.records import make_event

NODE = ".flow-node"


def test_flow__loop_of_calls__folded_followed_by_keys_and_grown_in_place(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event("t", "root", name="chat", lasts=None),
        make_event("t", "agent", name="planner", kind="agent", parent_span_id="root", at=1, lasts=None),
        *(make_event("t", f"c{n}", name="gpt", kind="ai", parent_span_id="agent", at=2 + 2 * n) for n in range(3)),
        make_event("t", "s0", name="search", parent_span_id="agent", at=3, lasts=1),
        make_event("t", "s1", name="search", parent_span_id="agent", at=5, lasts=1, status="error"),
    )
    page = visit(owner).page
    page.goto(f"{base}/traces/t/?tab=flow")
    expect(page.locator(NODE)).to_have_count(4)

    expect_texts(page, f"{NODE} .flow-name > .clip", ["chat", "planner", "gpt", "search"])
    expect_texts(page, f"{NODE} .flow-count", ["\u00d73", "\u00d72"])
    expect(page.locator(f"{NODE}.is-running")).to_have_count(2)
    expect(page.locator(f"{NODE}.is-error .flow-errors")).to_have_text("▲")
    expect(page.locator(".flow-edge.is-handover")).to_have_count(2)

    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator(f"{NODE}:focus")).to_contain_text("search")
    page.keyboard.press("Enter")
    expect(page.locator(".side h2")).to_have_text("search")
    expect(page.locator(".flow-calls [aria-current]")).to_have_count(1)
    page.keyboard.press("n")
    expect(page.locator(".flow-calls header")).to_contain_text("2 of 2")
    expect(page).to_have_url(f"{base}/traces/t/?tab=flow&event=s1")
    page.keyboard.press("Escape")
    expect(page.locator(".flow-calls")).to_be_hidden()

    before = page.locator(".flow-layer").get_attribute("style")
    keep(make_event("t", "w", name="write", parent_span_id="agent", at=9))
    expect(page.locator(NODE)).to_have_count(5)
    drawn = page.locator(".flow-layer").get_attribute("style")
    assert before is not None
    assert drawn is not None
    assert drawn.split("transform:")[1] == before.split("transform:")[1]

    page.reload()
    expect(page.locator(NODE)).to_have_count(5)
    page.keyboard.press("2")
    page.keyboard.press("e")
    expect(page.locator(f"{NODE}.is-selected")).to_contain_text("search")
