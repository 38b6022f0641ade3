"""Signing in and out, the frame around every page, and people without a project."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Request, Route, expect

from observability.models import Project, User
from observability.services.tenancy import create_project
from tests.e2e.conftest import SignIn, StoreRecords
from tests.fixtures import PASSWORD
from tests.records import make_event


def test_sign_in__right_password__leads_to_the_page_that_was_asked_for(
    visit: SignIn, owner: User, base: str, real_password: None
) -> None:
    page = visit().page
    page.goto(f"{base}/settings/quickstart/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    page.get_by_label("Email").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Quickstart")).to_be_visible()


def test_sign_in__wrong_password__says_so_and_keeps_the_address(visit: SignIn, owner: User, store: None) -> None:
    page = visit().page
    page.goto("/accounts/login/")

    page.get_by_label("Email").fill(owner.email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(owner.email)


def test_sign_out__from_the_menu__ends_the_session(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner).page
    page.goto(f"{base}/traces/")

    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_sign_out__with_a_request_under_way__takes_it_along(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner).page
    leaving: list[Route] = []
    ended: list[Request] = []

    def leave_once_ended() -> None:
        if leaving and ended:
            leaving.pop().continue_()

    def hear_leaving(route: Route) -> None:
        leaving.append(route)
        leave_once_ended()

    def hear_failed(request: Request) -> None:
        if "traces-facets" in request.url:
            ended.append(request)
            leave_once_ended()

    page.route("**/traces-facets?*", lambda _route: None)
    page.route("**/accounts/logout/", hear_leaving)
    page.on("requestfailed", hear_failed)
    page.goto(f"{base}/traces/")

    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_session__over_while_a_page_is_open__is_said_and_sign_in_leads_back(
    visit: SignIn, owner: User, base: str, real_password: None, keep: StoreRecords
) -> None:
    page = visit(owner, expects=(401,)).page
    page.goto(f"{base}/traces/")
    expect(page.locator("#live")).to_have_text("Live")

    Session.objects.all().delete()
    keep(make_event("t-1", name="chat"))

    page.locator(".toast").filter(has_text="You are signed out").get_by_role("button", name="Sign in").click()
    page.get_by_label("Email").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="chat")).to_be_visible()


def test_filter__of_a_session_that_is_over__says_so_and_leaves_the_page(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", name="chat"))
    page = visit(owner, expects=(401,)).page
    page.goto(f"{base}/traces/")
    expect(page.locator("#live")).to_have_text("Live")

    Session.objects.all().delete()
    page.locator("#q").fill("status:error")
    page.keyboard.press("Enter")

    expect(page.locator(".toast")).to_contain_text("You are signed out")
    expect(page.get_by_role("link", name="chat")).to_be_visible()


def test_home__without_a_project__says_what_to_do(visit: SignIn, stranger: User, store: None) -> None:
    page = visit(stranger).page

    page.goto("/")

    expect(page.get_by_role("heading", name="You are not in a project yet")).to_be_visible()


@pytest.mark.parametrize("path", ["traces/", "traces/t-1/", "settings/keys/"])
def test_page__stranger__is_told_that_nothing_is_there(
    path: str, visit: SignIn, stranger: User, base: str, store: None
) -> None:
    page = visit(stranger, expects=(404,)).page

    page.goto(f"{base}/{path}")

    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()


def test_switcher__goes_to_the_other_project_and_home_remembers_it(
    visit: SignIn, owner: User, base: str, project: Project, store: None
) -> None:
    create_project(organization=project.organization, name="Zebra")
    page = visit(owner).page
    page.goto(f"{base}/traces/")

    page.locator("[popovertarget=switcher]").click()
    page.get_by_role("link", name="Zebra").click()
    expect(page.locator("[popovertarget=switcher]")).to_contain_text("Zebra")
    page.goto("/")

    assert page.url.endswith("/p/zebra/overview/")


def test_theme__chosen__stays_after_a_reload_and_before_sign_in(
    visit: SignIn, owner: User, base: str, store: None
) -> None:
    page = visit(owner).page
    page.goto(f"{base}/traces/")

    page.get_by_role("button", name="Appearance").click()
    with page.expect_response("**/preferences/"):
        page.get_by_role("menuitemradio", name="Dark").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    owner.refresh_from_db()
    assert owner.theme == "dark"
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_shortcuts__question_mark__lists_them(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner).page
    page.goto(f"{base}/traces/")

    page.keyboard.press("?")

    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
