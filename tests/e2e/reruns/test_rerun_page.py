"""The page of a rerun: its progress without a reload, what was frozen, what changed, and what can be done."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from observability.models import Project, User
from observability.services.keys import NewKey
from reruns.models import Run, Trigger
from reruns.services.evaluations import evaluate_runs
from tests.e2e.conftest import SignIn, expect_texts
from tests.e2e.reruns.conftest import Ask, Worker, in_thread
from tests.e2e.test_quality import BUDGET_BYTES, OWN_BYTES, PHONE, find_grave
from tests.reruns.api.test_access import API, Api
from tests.reruns.conftest import find_ids

STAGES = ".rr-stage strong"


def open_page(page: Page, base: str, number: int) -> None:
    page.goto(f"{base}/reruns/{number}/")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.evaluate("window.isSame = true")


def test_page__while_it_runs__follows_to_the_end_without_a_reload(
    visit: SignIn, owner: User, base: str, worker: Worker, rerun_key: NewKey, ask: Ask, project: Project
) -> None:
    ids = find_ids(project)
    worker.went_on.clear()
    checks = [{"type": "output-contains", "substrings": ["24.50"]}]
    number = ask(frozenEventIds=[ids["a"]], runCount=2, evaluations=checks)
    page = visit(owner, bypass_csp=True).page
    open_page(page, base, number)

    expect_texts(page, STAGES, ["Asked", "Sent", "Running", "Evaluated", "Done"])
    expect(page.locator(".rr-stage.is-now strong")).to_have_text("Running")
    worker.went_on.set()
    expect(page.locator(".rerun-title .status")).to_have_text("completed")
    in_thread(lambda: evaluate_runs(run_ids=list(Run.objects.values_list("pk", flat=True))))
    expect(page.locator(".rr-outcome .status")).to_have_text("passed")

    api = Api(key=rerun_key.text)
    report = api.call("GET", f"{API}/triggers/{number}/fidelity").json()
    detail = api.call("GET", f"{API}/triggers/{number}").json()
    assert (report["consumed"], report["live"]) == (1, 4)
    expect(page.locator("[data-part=fidelity] header")).to_contain_text("❄ 1 from the recording · ▶ 4 really happened")
    expect_texts(page, ".rr-cell > span:first-child", ["❄", "▶", "▶", "▶", "▶"])
    expect(page.locator("[data-part=runs] header")).to_contain_text("2 of 2 succeeded · 2 of 2 passed every check")
    expect(page.locator(".rr-outcome")).to_contain_text(detail["runItems"][0]["evaluations"][0]["reason"])
    expect(page.locator("[data-part=output] mark")).to_have_text(["19.90", "24.50"])
    expect(page.locator(".cmp-row[data-at]:not([hidden])").first).to_be_visible()
    assert page.evaluate("window.isSame")
    assert find_grave(page) == []
    page.emulate_media(color_scheme="dark")
    assert find_grave(page, "color-contrast") == []
    assert page.evaluate(OWN_BYTES) < BUDGET_BYTES
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_page__another_run__is_chosen_by_key_and_restored_by_its_address(
    visit: SignIn, owner: User, base: str, worker: Worker, ask: Ask
) -> None:
    number = ask(runCount=3)
    page = visit(owner).page
    open_page(page, base, number)
    expect(page.locator(".rerun-title .status")).to_have_text("completed")

    page.keyboard.press("]")
    expect(page).to_have_url(f"{base}/reruns/{number}/?run=2")
    page.reload()
    expect(page.locator(".run-list .is-chosen")).to_contain_text("Run 2")
    page.go_back()
    expect(page.locator(".run-list .is-chosen")).to_contain_text("Run 1")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Compare")).to_be_visible()


def test_page__call_with_another_input__pins_the_first_divergence(
    visit: SignIn, owner: User, base: str, worker: Worker, rerun_key: NewKey, ask: Ask
) -> None:
    worker.inputs[1] = {"sku": "B"}
    number = ask(freezeNothing=True)
    page = visit(owner).page
    open_page(page, base, number)

    expect(page.locator(".rr-pin")).to_contain_text("input_drift")
    report = Api(key=rerun_key.text).call("GET", f"{API}/triggers/{number}/fidelity").json()
    expect(page.locator(".rr-pin")).to_contain_text(report["firstDivergence"]["explanation"])
    expect(page.locator(".rr-cell.is-first")).to_have_attribute("title", "tool price: really happened")


def test_page__socket_down__goes_on_by_asking(visit: SignIn, owner: User, base: str, worker: Worker, ask: Ask) -> None:
    worker.went_on.clear()
    number = ask()
    page = visit(owner).page
    page.route_web_socket("**/ws/live/", lambda socket: socket.close())
    page.goto(f"{base}/reruns/{number}/")
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")

    worker.went_on.set()

    expect(page.locator(".rerun-title .status")).to_have_text("completed")


def test_page__cancelled_and_run_again__says_so(visit: SignIn, owner: User, base: str, chat: str, ask: Ask) -> None:
    number = ask(strict=True)
    page = visit(owner).page
    open_page(page, base, number)

    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Cancel the rerun").click()
    expect(page.locator(".rerun-title .status")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Cancel…")).to_have_count(0)
    page.get_by_role("button", name="Run again…").click()
    page.get_by_label("How often").fill("4")
    page.get_by_role("button", name="Run again", exact=True).click()

    expect(page.locator(".rerun-title .status")).to_have_text("pending")
    again = Trigger.objects.latest("pk")
    assert (again.run_count, again.run_config.is_strict, again.requested_by) == (4, True, owner)


def test_page__viewer_and_stranger__may_look_or_not(
    visit: SignIn, viewer: User, stranger: User, base: str, chat: str, ask: Ask
) -> None:
    number = ask()
    page = visit(viewer).page
    page.goto(f"{base}/reruns/{number}/")

    expect(page.locator(".rerun-title")).to_contain_text("You may look, not rerun")
    expect(page.get_by_role("button", name="Cancel…")).to_have_count(0)
    answer = visit(stranger, expects=(404,)).page.goto(f"{base}/reruns/{number}/")
    assert answer is not None
    assert answer.status == 404
