"""The Overview in Chromium: its figures are the API's, its charts lead to the traces, live data moves nothing."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from observability.models import Project, User
from tests.e2e.conftest import SignIn, StoreRecords, expect_texts
from tests.records import make_event


def _figure(page: Page, label: str) -> Locator:
    return page.locator(".health-figures > div", has=page.get_by_text(label, exact=True)).locator(".now")


def test_overview__seeded__shows_what_the_api_says_and_leads_to_the_traces(
    visit: SignIn, owner: User, project: Project, base: str, keep: StoreRecords
) -> None:
    keep(
        *(make_event(f"t-{n}", at=n * 60, lasts=n + 1) for n in range(5)),
        make_event("bad", at=400, status="error", error_message="no order 7", lasts=2),
        make_event("runs", at=500, name="refund", lasts=None),
    )
    page = visit(owner).page

    page.goto("/")
    expect(page).to_have_url(f"{base}/overview/")
    answer = page.request.get(f"/api/observability/metrics/system?project={project.pk}").json()

    assert (_figure(page, "Traces").inner_text(), answer["totals"]["traces"]) == ("7", 7)
    assert (_figure(page, "Error rate").inner_text(), answer["totals"]["error_rate"]) == ("14%", 1 / 7)
    assert (_figure(page, "Latency p50").inner_text(), answer["totals"]["p50_ms"]) == ("2.5 s", 2500)
    expect_texts(page, "[data-part=errors] td a", ["chat"])
    expect_texts(page, "[data-part=running] li a", ["refund"])
    expect(page.locator("[data-part=slowest] li a").first).to_have_text("chat")
    expect(page.locator("[data-part=errors] .preview")).to_have_text("no order 7")

    traffic = page.get_by_role("slider", name="Traces started, by status")
    traffic.focus()
    page.keyboard.press("End")
    expect(page.locator("[data-chart=traffic] .chart-tip")).to_be_visible()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.press("Enter")
    expect(page.locator("#traces tbody tr")).to_have_count(7)
    expect(page).to_have_url(re.compile("range=custom"))
    page.go_back()
    expect(page.locator(".health-figures")).to_be_visible()


def test_overview__live_error__arrives_without_moving_anything(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1"))
    page = visit(owner).page
    page.goto(f"{base}/overview/")
    expect(page.locator("#live")).to_have_text("Live")
    before = page.locator("[data-chart=traffic]").bounding_box()

    keep(make_event("t-2", at=60, status="error", error_message="card declined"))

    expect(page.locator("[data-part=errors] .preview")).to_have_text("card declined")
    # The figures may have been read just before the errors were, and come right with the next answer.
    expect(_figure(page, "Traces")).to_have_text("2")
    assert page.locator("[data-chart=traffic]").bounding_box() == before


def test_overview__new_project_and_narrow_screen__quickstart_and_no_scrolling_aside(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    page = visit(owner, viewport={"width": 400, "height": 800}).page
    page.goto(f"{base}/overview/")
    expect(page.get_by_role("heading", name="Waiting for the first trace")).to_be_visible()

    keep(make_event("t-1"))

    expect(page.locator(".health-figures")).to_be_visible()
    page.get_by_label("7d").check()
    expect(page).to_have_url(f"{base}/overview/?range=7d")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.goto(f"{base}/ingest/")
    expect(page.get_by_role("cell", name="test")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
