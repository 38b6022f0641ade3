"""The Payload tab in Chromium: a value of any size, read by ranges, laid out and searched."""

from __future__ import annotations

import hashlib
import json
import re

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from observability.models import User
from tests.e2e.conftest import SignIn, StoreRecords
from tests.e2e.test_trace_page import TRACE
from tests.records import make_event, make_log

ROWS = ".pl-row"
BIG = json.dumps({"rows": [{"id": n, "name": f"käse {n}"} for n in range(70_000)], "last": "Needle here"}).encode()


def test_payload__megabytes__lines_find_forms_and_address(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event(TRACE, "root", input=b'"one\\ntwo \\u00fc"', output=BIG))
    page = visit(owner).page

    page.goto(f"{base}/traces/{TRACE}/?tab=payload&payload=root&field=output&find=needle")

    expect(page.locator(".pl-tally")).to_have_text("1 of 1")
    expect(page.locator("mark.is-current")).to_have_text("Needle")
    expect(page.locator(".pl-facts")).to_contain_text(f"sha256 {hashlib.sha256(BIG).hexdigest()[:16]}")
    assert page.locator(ROWS).count() < 150
    expect(page.locator(ROWS).last.locator(".pl-line")).to_have_text(str(3 + 70_000 * 4 + 2))
    finder = page.get_by_label("Find in this value")
    finder.fill("käse 6999")
    expect(page.locator(".pl-tally")).to_have_text("1 of 11")
    finder.press("Enter")
    finder.press("Shift+Enter")
    finder.press("Shift+Enter")
    expect(page.locator(".pl-tally")).to_have_text("11 of 11")
    page.locator(".pl-scroll").focus()
    page.keyboard.press("Home")
    expect(page.locator(ROWS).nth(3).locator(".pl-text")).to_have_text('      "id": 0,')
    # A form is opened at the first match of what is sought.
    finder.fill("")
    page.get_by_role("button", name="Raw").click()
    expect(page.locator(ROWS).first).to_contain_text('{"rows": [{"id": 0')
    page.get_by_label("Field").select_option("input")
    page.get_by_role("button", name="Text").click()
    expect(page.locator(f"{ROWS} .pl-text")).to_have_text(["one", "two ü"])
    expect(page).to_have_url(re.compile("field=input"))


def test_payload__from_the_panel__opens_keeps_to_its_event_and_says_what_is_missing(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event(TRACE, "root", lasts=3, input=b'{"a": {"b": []}, "c": "x\\"y"}'),
        make_event(TRACE, "t", name="bare", parent_span_id="root", at=1),
        make_log(TRACE, "large record", at=2, fields=json.dumps({"id": 7, "body": "x" * 1_200_000}).encode()),
    )
    page = visit(owner, bypass_csp=True).page
    page.goto(f"{base}/traces/{TRACE}/?event=root")

    page.locator("[data-block=input]").get_by_role("button", name="Open in Payload").click()

    lines = ["{", '  "a": {', '    "b": []', "  },", '  "c": "x\\"y"', "}"]
    expect(page.locator(f"{ROWS} .pl-text")).to_have_text(lines)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [violation["id"] for violation in found if violation["impact"] in ("serious", "critical")] == []
    page.keyboard.press("Escape")
    expect(page.locator(".side")).to_be_hidden()
    expect(page.locator(f"{ROWS} .pl-text")).to_have_text(lines)
    page.get_by_label("Event", exact=True).fill("bare")
    page.get_by_label("Event", exact=True).press("Enter")
    expect(page.locator(".pl-message")).to_contain_text("This event has no input: none was sent.")
    page.goto(f"{base}/traces/{TRACE}/?tab=log")
    # Events and records come by two requests: rows move until both are there.
    expect(page.locator(".log-row:not([hidden])")).to_have_count(3)
    page.locator(".log-row").filter(has_text="large record").click()
    page.locator(".side").get_by_role("button", name="Open in Payload").click()
    expect(page.locator(f"{ROWS} .pl-text").nth(1)).to_have_text('  "id": 7,')
    page.reload()
    expect(page.locator(f"{ROWS} .pl-text").nth(1)).to_have_text('  "id": 7,')
    expect(page).to_have_url(re.compile("record="))
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 400
