"""The console in a browser: lines as they come, narrowed, held back, opened, followed to their request."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from observability.models import User
from tests.e2e.conftest import SignIn, StoreRecords, expect_texts
from tests.e2e.debug.conftest import LINES, ROWS, STATE, Printer, Watch
from tests.e2e.test_quality import BUDGET_BYTES, OWN_BYTES, PHONE, find_grave
from tests.records import make_event, make_log

TALLER_THAN_RECKONED = """[...document.querySelectorAll(".dbg-row:not([hidden])")]
    .filter((row) => row.clientHeight !== row.firstElementChild.scrollHeight).map((row) => row.textContent)"""


def test_lines__as_they_come__are_shown_with_what_is_known_of_them(printer: Printer, watch: Watch) -> None:
    printer.say("before", level="debug")
    page = watch()
    expect_texts(page, LINES, ["before"])

    printer.say("authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh", level="warn", request="R-1")
    printer.say("two\nlines \x1b[31mred", stream="stderr", level="error", request="R-1")

    expect(page.locator(LINES)).to_have_count(3)
    expect(page.locator(LINES).nth(1)).to_have_text("authorization: Bearer [REDACTED]")
    expect(page.locator(ROWS).nth(1).locator(".dbg-pills")).to_have_text("hidden")
    expect(page.locator(LINES).nth(2)).to_contain_text("two ⏎ lines")
    expect_texts(page, "#level-chips .count", ["0", "1", "0", "1", "1"])
    expect_texts(page, "#stream-chips .count", ["0", "1", "2"])
    page.keyboard.press("2")
    expect(page.locator(LINES)).to_have_count(2)
    page.keyboard.press("2")

    printer.say("words that go on " * 40 + "password=hunter22")
    page.keyboard.press("w")
    expect(page.locator(LINES)).to_have_count(4)
    assert page.evaluate(TALLER_THAN_RECKONED) == []
    page.keyboard.press("w")

    page.keyboard.press("End")
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    detail = page.locator(".dbg-detail:not([hidden])")
    expect(detail.locator("pre")).to_contain_text("two\nlines")
    expect(detail).to_contain_text("stderr")
    page.keyboard.press("r")
    expect(page.locator("#drawer")).to_contain_text("2 lines")
    page.locator("#drawer").get_by_role("button", name="Only this request").click()
    expect(page.locator("#filter")).to_have_value("request:R-1")
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()


def test_filter__changed_while_lines_come__decides_on_those_that_follow(printer: Printer, watch: Watch) -> None:
    page = watch()
    printer.say("one")
    expect_texts(page, LINES, ["one"])

    page.keyboard.press("/")
    page.keyboard.type("level>=wa")
    expect(page.locator("#completions [role=option]")).to_have_text(["warn"])
    page.keyboard.press("Tab")
    expect(page.locator(".chip")).to_have_text(["level>=warn"])
    printer.say("two")
    printer.say("three", level="error", request="R-9")
    expect_texts(page, LINES, ["one", "three"])
    expect(page.locator(".dbg-mark")).to_contain_text(["From here on: level>=warn"])

    page.locator("#filter").fill("level>=warn lvel:info")
    page.keyboard.press("Enter")
    expect(page.locator("#query-problem")).to_contain_text("level")
    page.locator("#filter").press("Escape")
    page.locator(".dbg-request", has_text="R-9").click(modifiers=["Alt"])
    expect(page.locator(".chip")).to_have_text(["level>=warn", "-request:R-9"])
    assert "filter=level" in page.url

    page.get_by_role("button", name="Remove level>=warn").click()
    expect(page.locator(".chip")).to_have_text(["-request:R-9"])
    printer.say("four")
    expect_texts(page, LINES, ["one", "three", "four"])


def test_pause__while_lines_come__counts_them_and_shows_them_afterwards(printer: Printer, watch: Watch) -> None:
    page = watch()
    page.keyboard.press("p")
    expect(page.locator(STATE)).to_have_text("paused (0 waiting)")

    printer.say(*[f"line {number}" for number in range(100)])
    expect(page.locator(STATE)).to_have_text("paused (100 waiting)")
    expect(page.locator(LINES)).to_have_count(0)
    page.keyboard.press("p")

    expect(page.locator(STATE)).to_have_text("live")
    expect(page.locator(LINES).last).to_have_text("line 99")
    page.locator("#lines").hover()
    page.mouse.wheel(0, -400)
    expect(page.locator("#latest")).to_be_visible()
    printer.say("later")
    expect(page.locator("#latest")).to_have_text("Jump to latest · 1 new")
    page.locator("#latest").click()
    expect(page.locator(LINES).last).to_have_text("later")


def test_reload__goes_on_where_it_was_and_says_what_was_lost(printer: Printer, watch: Watch) -> None:
    page = watch()
    printer.say("one", "two")
    expect_texts(page, LINES, ["one", "two"])

    page.goto("about:blank")
    printer.say(*[f"missed {number}" for number in range(10)])
    printer.forget(kept=3)
    page.go_back()

    expect_texts(page, LINES, ["one", "two", "missed 7", "missed 8", "missed 9"])
    expect(page.locator(".dbg-mark:not([hidden])")).to_have_text("Resumed, 7 lost to retention, none twice")
    expect(page.locator(".dbg-gap:not([hidden])")).to_have_text("7 lines not shown: gone before they could be read")
    expect(page.locator(".toast")).to_contain_text("Resumed, 7 lost to retention, none twice")
    expect(page.locator("[data-meter=lost]")).to_have_text("7")

    page.get_by_role("button", name="End", exact=True).click()
    expect(page.locator(STATE)).to_have_text("ended (you ended it)")
    page.get_by_role("button", name="Watch again").click()
    expect(page.locator(STATE)).to_have_text("live")


@pytest.mark.parametrize(("way", "refused"), [("SSE", "**/nothing"), ("long-poll", "**/api/debug/sessions/*/events*")])
def test_console__where_websockets_do_not_get_through__comes_by_the_next_way(
    way: str, refused: str, printer: Printer, visit: SignIn, owner: User, console: str
) -> None:
    printer.say("before")
    page = visit(owner).page
    page.route_web_socket("**/ws/debug/**", lambda socket: socket.close())
    page.route(refused, lambda route: route.fulfill(status=204))
    page.goto(f"{console}?filter=-secret")
    expect(page.locator(STATE)).to_have_text("live")
    expect_texts(page, LINES, ["before"])
    expect(page.locator("[data-fact=way]")).to_contain_text(way)

    printer.say("one", "a secret", "two")
    expect_texts(page, LINES, ["before", "one", "two"])
    page.locator("#filter").fill("two")
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_text(["two"])
    page.reload()

    expect_texts(page, LINES, ["before", "one", "two"])
    expect(page.locator(".dbg-mark:not([hidden])")).to_have_text("Resumed, nothing lost, none twice")


def test_console__with_lines_opened_and_a_request__is_accessible_whole_and_light(
    printer: Printer, watch: Watch
) -> None:
    page = watch("?highlight=order")
    printer.say("an order", "another order", level="warn", request="R-1")
    printer.say("worse", level="error", stream="stderr")
    expect(page.locator(LINES)).to_have_count(3)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.keyboard.press("r")
    expect(page.locator("#drawer li")).to_have_count(2)

    own = page.evaluate(OWN_BYTES)
    in_light = find_grave(page)
    page.emulate_media(color_scheme="dark")
    in_dark = find_grave(page, "color-contrast")
    page.keyboard.press("Escape")
    page.set_viewport_size(PHONE)
    on_a_phone = find_grave(page, "target-size")

    assert (in_light, in_dark, on_a_phone) == ([], [], [])
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert 0 < own < BUDGET_BYTES
    page.keyboard.press("y")
    expect(page.locator("#why-body")).to_contain_text("ext-debug:")
    assert find_grave(page) == []


def test_trace__with_lines_of_its_own__shows_them_in_its_log_and_leads_to_the_console_and_back(
    printer: Printer, visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", lasts=None), make_log("t-1", "a record", at=1))
    printer.say("looking up", request="R-1", trace="t-1")
    printer.say("of nobody's trace")
    page = visit(owner).page
    page.goto(f"{base}/traces/t-1/?tab=log")

    line = page.locator(".log-row.is-line:not([hidden])")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("Order desk")
    page.get_by_label("1 debug line").uncheck()
    expect(line).to_have_count(0)
    page.get_by_label("1 debug line").check()
    line.click()
    page.get_by_role("link", name="Open in the debug console").click()

    expect(page.locator(f"{ROWS}.is-linked .dbg-text")).to_have_text("looking up")
    page.get_by_role("link", name="Open its trace").click()
    expect(page).to_have_url(f"{base}/traces/t-1/")
