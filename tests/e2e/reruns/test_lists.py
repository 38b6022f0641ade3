"""The list of reruns, the tree of a trace's, and who is connected."""

from __future__ import annotations

from playwright.sync_api import expect

from observability.models import User
from observability.services.keys import NewKey
from tests.e2e.conftest import SignIn, expect_texts
from tests.e2e.reruns.conftest import Ask, Worker, wait_until
from tests.reruns.api.test_access import API, Api
from tests.reruns.conftest import TRACE

NAMES = "#reruns tbody .mono:first-of-type"


def test_list__as_it_grows__is_kept_up_to_date_and_new_ones_wait(
    visit: SignIn, owner: User, base: str, worker: Worker, rerun_key: NewKey, ask: Ask
) -> None:
    worker.went_on.clear()
    first = ask()
    page = visit(owner).page
    page.goto(f"{base}/overview/")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(f"{base}/reruns/")
    row = page.locator(f'[data-rerun="{first}"]')
    expect(row.locator(".c-state")).to_have_text("running")
    page.evaluate("window.isSame = true")

    worker.went_on.set()
    expect(row.locator(".c-state")).to_have_text("completed")
    second = ask()
    expect(page.locator("#new-rows")).to_contain_text("1")
    expect(page.locator(f'[data-rerun="{second}"]')).to_have_count(0)
    page.keyboard.press("n")
    expect(page.locator(f'[data-rerun="{second}"]')).to_be_visible()
    assert page.evaluate("window.isSame")

    items = Api(key=rerun_key.text).call("GET", f"{API}/triggers").json()["items"]
    expect_texts(page, "#reruns .run .mono", [f"#{item['triggerId']}" for item in items])
    page.get_by_role("radio", name="Failed").check()
    expect(page.get_by_role("heading", name="No rerun matches")).to_be_visible()
    expect(page).to_have_url(f"{base}/reruns/?state=failed")
    page.go_back()
    expect(page.locator("[data-rerun]")).to_have_count(2)
    page.reload()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{base}/reruns/{second}/")


def test_list__empty__says_how_to_start(visit: SignIn, owner: User, base: str, rerun_key: NewKey) -> None:
    page = visit(owner).page

    page.goto(f"{base}/reruns/")

    expect(page.get_by_role("heading", name="Nothing has been run again yet")).to_be_visible()
    expect(page.locator(".code")).to_contain_text(f"ELASTICDASH_API_KEY={rerun_key.key.public_id}.SECRET")


def test_forks__two_chosen_by_keyboard__are_compared(
    visit: SignIn, owner: User, base: str, worker: Worker, rerun_key: NewKey, ask: Ask
) -> None:
    ask(runCount=2)
    wait_until(lambda: len(_list_runs(rerun_key)) == 2)
    page = visit(owner).page
    page.goto(f"{base}/traces/{TRACE}/")
    page.keyboard.press("5")
    expect(page.locator(".fork")).to_have_count(3)

    forks = Api(key=rerun_key.text).call("GET", f"{API}/trace-forks?trace_id={TRACE}").json()["items"]
    assert [node["depth"] for node in forks] == [0, 1, 1]
    page.locator("[data-fork-trace]").nth(1).press("Space")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    page.keyboard.press("c")

    expect(page.get_by_role("heading", name="Compare")).to_be_visible()
    assert all(node["traceId"].rpartition("::")[2] in page.url for node in forks[1:])
    page.go_back()
    expect(page.locator("#tab-reruns")).to_have_attribute("aria-selected", "true")


def _list_runs(key: NewKey) -> list[str]:
    nodes = Api(key=key.text).call("GET", f"{API}/trace-forks?trace_id={TRACE}").json()["items"]
    return [node["traceId"] for node in nodes if node["run"] and node["status"] == "completed"]


def test_sessions__of_a_connected_sdk__say_what_it_can_run_and_that_it_left(
    visit: SignIn, owner: User, base: str, site: str, chat: str, rerun_key: NewKey
) -> None:
    worker = Worker(site, rerun_key.text)
    worker.start()
    page = visit(owner).page
    page.goto(f"{base}/sdk-sessions/")

    row = page.locator('[data-session="session-1"]')
    expect(row).to_contain_text("ready")
    expect(row).to_contain_text("search, price")
    worker.stop()
    expect(row).to_contain_text("gone")
