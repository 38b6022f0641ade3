"""A person's own settings, walked through as they would."""

from __future__ import annotations

import base64
import hmac
import re
import time

import pytest
from playwright.sync_api import Page, expect

from observability.models import User
from tests.e2e.conftest import SignIn
from tests.fixtures import PASSWORD


def make_code(secret: str) -> str:
    """Return what an authenticator app shows for the key now: RFC 6238 with its usual SHA-1, 30 seconds, six digits."""
    digest = hmac.digest(base64.b32decode(secret), (int(time.time()) // 30).to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def sign_in(page: Page, email: str, *, then: str) -> None:
    page.goto(f"/accounts/login/?next={then}")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def confirm_password(page: Page) -> None:
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()


def test_profile__saved__shows_at_once_and_refuses_a_wrong_zone(visit: SignIn, owner: User, store: None) -> None:
    page = visit(owner, expects=(400,)).page
    page.goto("/account/")

    page.get_by_label("Name").fill("  Olive   Branch ")
    page.get_by_role("combobox", name="Theme").select_option("dark")
    page.get_by_label("Time zone").fill("Mars/Olympus")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Mars/Olympus is no time zone")).to_be_visible()
    page.get_by_label("Time zone").fill("Europe/Zurich")
    page.get_by_role("button", name="Save").click()

    expect(page.locator(".toast")).to_contain_text("Saved")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("html")).to_have_attribute("data-time-zone", "Europe/Zurich")
    owner.refresh_from_db()
    assert owner.name == "Olive Branch"


def test_second_factor__set_up__is_asked_for_and_recovery_codes_work_once(
    visit: SignIn, owner: User, real_password: None, store: None
) -> None:
    page = visit().page
    sign_in(page, owner.email, then="/accounts/2fa/")

    page.get_by_role("link", name="Set up").click()
    confirm_password(page)
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("Authenticator code").fill(make_code(secret))
    page.get_by_role("button", name="Turn on").click()
    page.get_by_text("Recovery codes").first.wait_for()
    page.goto("/accounts/2fa/recovery-codes/")
    codes = page.locator("#codes").inner_text().split()
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, owner.email, then="/accounts/2fa/")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("textbox").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()

    assert len(codes) == 10
    expect(page.get_by_role("heading", name="Two-factor sign-in")).to_be_visible()
    expect(page.get_by_text(f"{len(codes) - 1} left")).to_be_visible()
    page.get_by_role("link", name="Turn off").click()
    confirm_password(page)
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("Two-factor sign-in is off")).to_be_visible()


def test_sessions__others__are_named_and_ended(visit: SignIn, owner: User, real_password: None, store: None) -> None:
    first, second = visit().page, visit().page
    sign_in(second, owner.email, then="/account/")
    sign_in(first, owner.email, then="/accounts/sessions/")
    expect(first.get_by_role("cell", name=re.compile("Chrome on"))).to_have_count(2)

    first.get_by_role("button", name="End all others").click()

    expect(first.get_by_text("All other sessions are ended")).to_be_visible()
    second.goto("/account/")
    expect(second.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("password/reset/", "Reset your password"),
        ("password/reset/done/", "Look into your mail"),
        ("password/reset/key/1-abc/", "The link does not work"),
        ("confirm-email/unknown/", "The link does not work"),
        ("signup/", "Sign-up is closed"),
        ("inactive/", "This account is closed"),
    ],
)
def test_entrance__every_page__says_what_to_do(path: str, heading: str, visit: SignIn, store: None) -> None:
    page = visit().page

    page.goto(f"/accounts/{path}")

    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.get_by_role("link", name="Playhead")).to_be_visible()
