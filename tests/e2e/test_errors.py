"""The Errors pages in Chromium."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from observability.models import Project, User
from tests.e2e.conftest import SignIn, StoreRecords, texts_of
from tests.records import make_event


def test_errors__from_the_list_to_the_event__by_keyboard(
    visit: SignIn, owner: User, project: Project, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event("t-1"),
        *(
            make_event("t-1", f"e-{n}", at=n, status="error", name="refund", parent_span_id="root",
                       error_message=f"no order {n}", error_stack="Traceback: refund.py", environment="prod")
            for n in range(3)
        ),
        make_event("t-2", at=5, status="error", name="mail", error_message="card declined"),
    )  # fmt: skip
    page = visit(owner).page

    page.goto(f"{base}/errors/")
    listed = page.request.get(f"/api/observability/errors?project={project.pk}").json()["items"]

    assert texts_of(page, "#errors .error-name a") == [one["name"] for one in listed] == ["mail", "refund"]
    assert texts_of(page, "#errors td.c-count") == [str(one["count"]) for one in listed] == ["1", "3"]
    page.get_by_label("Most frequent").check()
    expect(page.locator("#errors .error-name a").first).to_have_text("refund")
    page.keyboard.press("/")
    page.keyboard.type("ORDER")
    expect(page.locator("#errors tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("sort=count"))
    page.keyboard.press("Escape")
    page.locator("#q").blur()
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="refund")).to_be_visible()
    expect(page.locator(".error-title p")).to_have_text("no order 2")
    expect(page.locator(".code code")).to_contain_text("Traceback: refund.py")
    expect(page.locator("#samples tbody tr")).to_have_count(3)
    page.locator("#samples a").first.click()
    expect(page).to_have_url(f"{base}/traces/t-1/?event=e-2")


def test_errors__nothing_or_a_wrong_address__says_what_to_do(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", status="error", error_message="x" * 400))
    page = visit(owner, viewport={"width": 400, "height": 800}, expects=(400,)).page

    page.goto(f"{base}/errors/?q=never")
    expect(page.get_by_role("heading", name="No error matches")).to_be_visible()
    page.goto(f"{base}/errors/?sort=name")
    expect(page.get_by_role("alert")).to_contain_text("sort: choose from")
    page.goto(f"{base}/errors/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator("#errors a").click()
    expect(page.locator("#samples")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
