"""The Log tab in Chromium: filters, following, windows of a long log, and the address."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from observability.models import User
from tests.e2e.conftest import SignIn, StoreRecords, expect_texts
from tests.e2e.test_trace_page import TRACE
from tests.records import make_event, make_log

ROWS = ".log-row:not([hidden])"


def test_log__filters__chips_text_and_node_restored_from_the_address(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event(TRACE, "root", lasts=9),
        make_log(TRACE, "cache miss", at=1, level="debug", node="plan"),
        make_log(TRACE, "broken pipe", at=2, level="error", stream="stderr", node="act"),
        make_log(TRACE, "long " * 200, at=3, node="act"),
    )
    page = visit(owner).page
    page.goto(f"{base}/traces/{TRACE}/?tab=log&events=no")
    expect(page.locator(ROWS)).to_have_count(3)
    # The counts come after the rows.
    expect(page.locator(".log-chip:not([hidden])").first).to_contain_text("1")
    expect_texts(page, ".log-chip:not([hidden])", ["debug 1", "info 1", "error 1", "stdout 2", "stderr 1"])

    page.get_by_role("button", name="error").click()
    expect(page.locator(ROWS)).to_have_count(1)
    page.reload()
    expect(page.locator(f"{ROWS} .log-text")).to_have_text(["broken pipe"])
    expect(page.get_by_role("button", name="error")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="error").click()
    page.get_by_label("Filter messages").fill("CACHE")
    expect(page.locator(f"{ROWS} .log-text")).to_have_text(["cache miss"])
    page.get_by_label("Filter messages").fill("nowhere")
    page.get_by_role("button", name="Clear the filters").click()
    page.get_by_label("Node").select_option("act")
    expect(page.locator(ROWS)).to_have_count(2)
    page.locator(".log-scroll").focus()
    page.keyboard.press("w")
    expect(page.locator(".log")).to_have_class(re.compile("is-wrapped"))
    tall = page.locator(ROWS).filter(has_text="long").bounding_box()
    assert tall is not None
    assert tall["height"] > 60
    page.keyboard.press("t")
    expect(page).to_have_url(re.compile("node=act"))
    expect(page).to_have_url(re.compile("wrap=1"))
    expect(page).to_have_url(re.compile("times=absolute"))
    expect(page.locator(f"{ROWS} .log-time").first).not_to_contain_text("+")


def test_log__running_trace__follows_stops_when_scrolled_up_and_pauses(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event(TRACE, "root", lasts=None),
        *(make_log(TRACE, f"line {number}", at=number / 10) for number in range(200)),
    )
    page = visit(owner).page
    page.goto(f"{base}/traces/{TRACE}/?tab=log")
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator(ROWS).filter(has_text="line 199")).to_be_visible()

    keep(make_log(TRACE, "came while followed", at=30))
    expect(page.locator(ROWS).filter(has_text="came while followed")).to_be_visible()
    page.locator(".log-scroll").evaluate("element => { element.scrollTop = 500; }")
    seen = page.locator(ROWS).filter(has_text="line 30")
    expect(seen).to_be_visible()
    before = seen.bounding_box()
    keep(make_log(TRACE, "came while away", at=31), make_log(TRACE, "and another", at=32))
    pill = page.locator(".log-pill")
    expect(pill).to_have_text("2 new")
    assert seen.bounding_box() == before
    pill.click()
    expect(page.locator(ROWS).filter(has_text="and another")).to_be_visible()
    expect(pill).to_be_hidden()
    page.get_by_role("button", name="Pause").click()
    keep(make_log(TRACE, "came while paused", at=33))
    expect(pill).to_have_text("Paused · 1 new")
    expect(page.locator(ROWS).filter(has_text="came while paused")).to_have_count(0)
    pill.click()
    expect(page.locator(ROWS).filter(has_text="came while paused")).to_be_visible()


def test_log__longer_than_a_window__read_on_where_the_reader_gets(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event(TRACE, "root", lasts=900),
        *(make_log(TRACE, f"line {number}", at=number / 10) for number in range(7000)),
    )
    page = visit(owner).page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{base}/traces/{TRACE}/?tab=log&events=no")
    grid = page.locator(".log-scroll")
    expect(grid).to_have_attribute("aria-rowcount", "5000")
    assert page.locator(ROWS).count() < 100

    grid.evaluate("element => { element.scrollTop = element.scrollHeight; }")
    expect(grid).to_have_attribute("aria-rowcount", "7000")
    grid.focus()
    page.keyboard.press("End")
    expect(page.locator(ROWS).filter(has_text="line 6999")).to_be_visible()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("c")
    expect(page.locator(".toast")).to_contain_text("2 lines copied")
    assert page.evaluate("navigator.clipboard.readText()").endswith("line 6999")
    page.keyboard.press("Enter")
    expect(page.locator(".side h2")).to_have_text("line 6998")
