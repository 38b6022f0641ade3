"""The Steps pages in Chromium: the same figures as the API, keys, addresses, live changes in place."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client
from playwright.sync_api import Page, expect

from observability.models import Project, User
from tests.e2e.conftest import SignIn, StoreRecords, expect_texts, texts_of
from tests.records import make_event


def _keep_calls(keep: StoreRecords) -> None:
    tool: dict[str, Any] = {"kind": "tool", "parent_span_id": "root"}
    for number in range(6):
        trace_id = f"chat::{number}::a"
        keep(
            make_event(trace_id, at=number, lasts=1 + number),
            make_event(trace_id, "t", name="search", lasts=0.5, status="error" if number == 3 else "ok", **tool),
            make_event(trace_id, "u", name="look_up", lasts=0.2, **tool),
        )


def _api(owner: User, project: Project, path: str, **query: str) -> dict[str, object]:
    client = Client()
    client.force_login(owner)
    answer: dict[str, object] = client.get(f"/api/observability/{path}", {"project": str(project.pk), **query}).json()
    return answer


def test_list__seeded_calls__figures_of_the_api_by_every_way_in(
    visit: SignIn, owner: User, project: Project, base: str, keep: StoreRecords
) -> None:
    _keep_calls(keep)
    page = visit(owner).page

    page.goto(f"{base}/steps/")

    items = _api(owner, project, "steps")["items"]
    assert isinstance(items, list)
    expect_texts(page, "#steps tbody .step-name > a", [item["name"] for item in items])
    expect_texts(page, "#steps tbody td.c-calls", ["6", "6", "6"])
    page.locator("th a", has_text="Errors").click()
    expect(page.locator("#steps tbody tr").first).to_contain_text("search")
    assert parse_qs(urlsplit(page.url).query) == {"order": ["error_rate"]}
    page.keyboard.press("/")
    page.keyboard.type("look")
    expect(page.locator("#steps tbody tr")).to_have_count(1)
    assert parse_qs(urlsplit(page.url).query) == {"order": ["error_rate"], "text": ["look"]}
    page.go_back()
    expect(page.locator("#steps tbody tr")).to_have_count(3)
    page.reload()
    expect(page.locator("#steps tbody tr").first).to_contain_text("search")


def test_list__new_calls__change_figures_where_they_stand(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    _keep_calls(keep)
    page = visit(owner).page
    page.goto(f"{base}/steps/")
    expect(page.locator("#live[data-state=live]")).to_be_visible()
    before = page.locator("#steps tbody").bounding_box()

    keep(*(make_event("more", f"s{n}", kind="tool", parent_span_id="x", name="look_up") for n in range(20)))

    row = page.locator("#steps tr[data-step='tool:look_up']")
    expect(row.locator("td.c-calls")).to_have_text("26")
    assert texts_of(page, "#steps tbody .step-name > a")[0] != "more"
    assert page.locator("#steps tbody").bounding_box() == before


def _choose_first_bar(page: Page) -> None:
    chart = page.get_by_role("slider", name="Calls over time")
    chart.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.press("Enter")


def test_detail__by_keyboard_alone__chart_and_calls_lead_on(
    visit: SignIn, owner: User, project: Project, base: str, keep: StoreRecords
) -> None:
    _keep_calls(keep)
    page = visit(owner).page
    page.goto(f"{base}/steps/?kind=tool")

    page.keyboard.press("j")
    page.keyboard.press("Enter")

    page.wait_for_url("**/steps/tool/*/")
    health = _api(owner, project, "steps/tool/look_up/health")
    totals = health["totals"]
    assert isinstance(totals, dict)
    assert texts_of(page, ".health-figures .now")[:3] == [str(totals["calls"]), "0%", "200 ms"]
    _choose_first_bar(page)
    page.wait_for_url("**range=custom**")
    assert {"from", "to"} <= set(parse_qs(urlsplit(page.url).query))
    expect(page.locator(".call-list tbody tr")).to_have_count(6)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/traces/**event=u")
