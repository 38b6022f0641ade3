"""Project settings in Chromium: keys that are shown once, quickstarts, capture and redaction."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from observability.models import ApiKey, Project, User
from observability.services.keys import NewKey
from tests.e2e.conftest import SignIn

EVENTS = {"sessionId": "s-1", "events": []}


def post_events(site: str, key: str) -> int:
    answer = httpx.post(f"{site}/api/observability/events", json=EVENTS, headers={"api-key": key}, timeout=10)
    return answer.status_code


def test_keys__new__is_shown_once_and_works(
    visit: SignIn, owner: User, base: str, site: str, project: Project, store: None
) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/keys/")

    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("Production")
    page.get_by_role("button", name="Make key").click()

    text = page.locator("#new-key-text").inner_text()
    assert post_events(site, text) == 202
    assert ApiKey.objects.get(project=project).created_by == owner
    page.goto(f"{base}/settings/keys/")
    expect(page.locator("#main")).to_contain_text("Production")
    expect(page.locator("#main")).not_to_contain_text(text)


def test_keys__new_without_scope__stays_open_and_says_why(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner, expects=(422,)).page
    page.goto(f"{base}/settings/keys/")

    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("Useless")
    page.get_by_label("Send data").uncheck()
    page.get_by_role("button", name="Make key").click()

    expect(page.get_by_role("dialog")).to_contain_text("choose at least one")


def test_keys__revoked__is_refused(
    visit: SignIn, owner: User, base: str, site: str, api_key: NewKey, store: None
) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/keys/")

    page.get_by_role("button", name="Revoke").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke key").click()

    expect(page.locator(".keys-table")).to_contain_text("revoked")
    assert post_events(site, api_key.text) == 401


def test_keys__rotated__both_work_for_the_overlap(
    visit: SignIn, owner: User, base: str, site: str, api_key: NewKey, store: None
) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/keys/")

    page.get_by_role("button", name="Rotate").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Rotate key").click()

    new = page.locator("#new-key-text").inner_text()
    expect(page.locator(".keys-table")).to_contain_text("ends soon")
    assert post_events(site, new) == 202
    assert post_events(site, api_key.text) == 202


def test_keys__teammate__sees_them_but_no_buttons(
    visit: SignIn, teammate: User, base: str, api_key: NewKey, store: None
) -> None:
    page = visit(teammate).page

    page.goto(f"{base}/settings/keys/")

    expect(page.locator(".keys-table")).to_contain_text(api_key.key.public_id)
    expect(page.get_by_role("button", name="New key")).to_have_count(0)
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)


def test_quickstart__every_tab__has_address_and_key(
    visit: SignIn, owner: User, base: str, site: str, api_key: NewKey, store: None
) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/quickstart/")

    for name in ("ElasticDash SDK", "OpenTelemetry", "OpenInference", "curl"):
        page.get_by_role("radio", name=name).check()
        shown = page.locator(".quickstart > [data-for]:visible")
        expect(shown).to_have_count(1)
        expect(shown).to_contain_text(site)
        expect(shown).to_contain_text(f"{api_key.key.public_id}.SECRET")


def test_capture__switched_off__is_saved(visit: SignIn, owner: User, base: str, project: Project, store: None) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/capture/")

    page.get_by_label("Outputs").uncheck()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_label("Outputs")).not_to_be_checked()
    project.refresh_from_db()
    assert (project.capture_inputs, project.capture_outputs) == (True, False)


def test_redaction__rule_added_switched_and_removed(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/capture/")

    page.get_by_label("Name or pattern").fill("customer_id")
    page.get_by_role("button", name="Add rule").click()
    expect(page.get_by_role("row").filter(has_text="customer_id")).to_contain_text("on")
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("row").filter(has_text="customer_id")).to_contain_text("off")
    page.get_by_role("button", name="Remove").click()

    expect(page.get_by_text("customer_id")).to_have_count(0)


def test_redaction__pattern_that_is_none__says_why(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner, expects=(422,)).page
    page.goto(f"{base}/settings/capture/")

    page.get_by_label("Hide by").select_option("pattern")
    page.get_by_label("Name or pattern").fill("(unclosed")
    page.get_by_role("button", name="Add rule").click()

    expect(page.locator(".errorlist")).to_be_visible()
    expect(page.get_by_label("Name or pattern")).to_have_value("(unclosed")
