"""The Compare page in Chromium: aligned rows, differences by key, the diff of one step, addresses."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from observability.models import User
from tests.e2e.conftest import SignIn, StoreRecords, expect_texts
from tests.records import make_event

ROWS = ".cmp-row[data-at]:not([hidden])"


def keep_two_runs(keep: StoreRecords) -> None:
    """Store two runs of one workflow: another answer, a lookup left out, a mail sent."""
    for trace, answer, at in (("l", b'"It comes today."', 0), ("r", b'"It comes tomorrow."', 100)):
        keep(
            make_event(trace, "root", name="chat", at=at, lasts=10, output=answer),
            make_event(
                trace, "call", kind="ai", name="gpt", parent_span_id="root", at=at + 1, input=b"1", output=answer
            ),
            make_event(trace, "end", name="end", parent_span_id="root", at=at + 6),
        )
    keep(make_event("l", "look", name="look", parent_span_id="root", at=4))
    keep(make_event("r", "mail", name="mail", parent_span_id="root", at=108, lasts=2))


def test_compare__two_runs__walked_by_keys_and_restored_by_the_address(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep_two_runs(keep)
    page = visit(owner, bypass_csp=True).page
    page.goto(f"{base}/compare/?left=l&right=r")
    expect(page.locator(ROWS)).to_have_count(5)

    expect_texts(page, f"{ROWS} .cmp-text", ["chat", "gpt", "look", "end", "mail"])
    assert [row.get_attribute("class") for row in page.locator(ROWS).all()] == [
        "cmp-row is-changed kind-workflow",
        "cmp-row is-changed kind-ai is-active is-first",
        "cmp-row is-missing kind-tool",
        "cmp-row is-same kind-tool",
        "cmp-row is-added kind-tool",
    ]
    expect(page.locator("#pin")).to_contain_text("gpt: output differs")

    page.keyboard.press("Enter")
    expect(page.locator(".diff-line mark")).to_have_text(["today", "tomorrow"])
    expect(page).to_have_url(f"{base}/compare/?left=l&right=r&left_event=call&right_event=call")
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    page.keyboard.press("n")
    expect(page.locator(".cmp-diff h2")).to_have_text("look")
    page.reload()
    expect(page.locator(".cmp-diff h2")).to_have_text("look")
    page.keyboard.press("Escape")
    expect(page.locator(".cmp-diff")).to_be_hidden()

    page.keyboard.press("d")
    expect(page.locator(ROWS)).to_have_count(4)
    page.keyboard.press("s")
    expect(page).to_have_url(f"{base}/compare/?left=r&right=l")
    expect(page.locator(f"{ROWS}.is-added .cmp-text")).to_have_text("look")


def test_compare__one_side_or_none__chosen_from_suggestions_at_400_pixels(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep_two_runs(keep)
    page = visit(owner, viewport={"width": 400, "height": 800}).page
    page.goto(f"{base}/compare/?left=r")

    page.get_by_role("link", name="Previous run").click()

    expect(page).to_have_url(f"{base}/compare/?left=r&right=l")
    expect(page.locator(ROWS)).to_have_count(5)
    page.locator(ROWS).nth(1).click()
    expect(page.locator(".cmp-diff .diff-line.is-removed")).to_contain_text("tomorrow")
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.goto(f"{base}/compare/")
    expect(page.get_by_role("heading", name="Two runs, step by step")).to_be_visible()
