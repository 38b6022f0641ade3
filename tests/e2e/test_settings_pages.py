"""Project settings in Chromium: keys that are shown once, quickstarts, capture and redaction."""

from __future__ import annotations

import re

import httpx
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from observability.models import ApiKey, Deletion, Membership, Project, Trace, User
from observability.services.keys import NewKey
from tests.e2e.conftest import SignIn, StoreRecords
from tests.fixtures import PASSWORD
from tests.records import make_event

GRAVE = {"serious", "critical"}
PAGES = ("keys/", "where/", "where/?id=t-1", "capture/", "coverage/", "members/", "project/", "organization/")
EVENTS = {"sessionId": "s-1", "events": []}


def find_violations(page: Page) -> list[str]:
    return [found["id"] for found in Axe().run(page).response["violations"] if found["impact"] in GRAVE]


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
    page.reload()
    assert ApiKey.objects.filter(project=project).count() == 1
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


def test_try_it__draft_rule__shows_what_each_rule_hides(visit: SignIn, viewer: User, base: str, store: None) -> None:
    page = visit(viewer).page
    page.goto(f"{base}/settings/capture/")

    page.get_by_label("JSON or text").fill('{"password": "hunter2!", "ssn": "123-45", "note": "kept"}')
    page.get_by_label("Its name or RE2 pattern").fill("ssn")
    page.get_by_role("button", name="Try", exact=True).click()

    expect(page.locator("#trial pre")).to_have_text('{"password": "[REDACTED]", "ssn": "[REDACTED]", "note": "kept"}')
    expect(page.locator(".hidden-part.is-draft")).to_have_attribute("title", "Hidden by Key name: ssn")
    page.get_by_label("Draft rule").select_option("pattern")
    page.get_by_label("Its name or RE2 pattern").fill(r"AC-\d+(?=x)")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator(".fault")).to_have_text("(?=x)")


def test_test_trace__sent_by_keyboard__arrives_and_is_found(
    visit: SignIn, teammate: User, base: str, project: Project, store: None
) -> None:
    page = visit(teammate).page
    page.goto(f"{base}/settings/quickstart/")

    page.get_by_role("button", name="Send a test trace").focus()
    page.keyboard.press("Enter")

    expect(page.locator("[data-outcome]")).to_contain_text("arrived in")
    trace = Trace.objects.get(project_id=project.pk)
    page.goto(f"{base}/settings/where/")
    page.keyboard.type(trace.trace_id)
    page.keyboard.press("Enter")
    expect(page.locator('[data-code="found"]')).to_contain_text("3 and 0 log records")
    page.get_by_role("link", name="Open the trace").click()
    expect(page).to_have_url(re.compile(f"/traces/{trace.trace_id}/"))


def test_invitation__round_trip__new_person_is_in(
    visit: SignIn, owner: User, base: str, project: Project, store: None
) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/members/")
    page.get_by_role("button", name="Invite").click()
    page.get_by_label("Email address").fill("nia@example.com")
    page.get_by_role("dialog").get_by_label("Role", exact=True).select_option("viewer")
    page.get_by_role("dialog").get_by_role("button", name="Invite").click()
    link = page.locator("#invitation-link").inner_text()
    page.reload()
    expect(page.locator("#invitation-link")).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="nia@example.com")).to_contain_text("open")

    guest = visit().page
    guest.goto(link)
    guest.get_by_label("Your name").fill("Nia New")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Create account and join").click()

    expect(guest).to_have_url(re.compile(base))
    assert Membership.objects.get(user__email="nia@example.com").role == "viewer"
    page.reload()
    row = page.get_by_role("row").filter(has_text="nia@example.com")
    row.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("row").filter(has_text="nia@example.com")).to_have_count(0)
    expired = visit(expects=(410,)).page
    expired.goto(link)
    expect(expired.get_by_role("heading")).to_contain_text("was used already")


def test_danger_zone__project__goes_only_by_its_name(
    visit: SignIn, owner: User, base: str, project: Project, store: None
) -> None:
    page = visit(owner, expects=(422,)).page
    page.goto(f"{base}/settings/project/")

    page.get_by_role("button", name="Delete project").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Type the project").fill("Something else")
    dialog.get_by_role("button", name="Delete this project").click()
    expect(page.get_by_role("dialog")).to_contain_text("That is not")
    page.get_by_role("dialog").get_by_label("Type the project").fill(project.name)
    page.get_by_role("dialog").get_by_role("button", name="Delete this project").click()

    expect(page.locator("#main")).to_contain_text("You are not in a project yet")
    assert Deletion.objects.get().name == project.name


def test_settings__every_page__is_accessible_and_fits_a_phone(
    visit: SignIn, owner: User, teammate: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", dialect="gen_ai", attributes=b'{"gen_ai.request.model": "gpt-4o", "acme.shard": "blue"}'))
    page = visit(owner, viewport={"width": 400, "height": 800}, theme="dark", bypass_csp=True).page

    for name in PAGES:
        page.goto(f"{base}/settings/{name}")
        assert find_violations(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
