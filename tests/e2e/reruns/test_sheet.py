"""The sheet in which a rerun is put together: the playhead, the plan, what is refused, and who may."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from observability.models import Project, User
from observability.services.keys import NewKey
from reruns.models import RunConfig, Trigger
from tests.e2e.conftest import SignIn, expect_texts
from tests.e2e.reruns.conftest import Worker, in_thread
from tests.e2e.test_quality import BUDGET_BYTES, OWN_BYTES, PHONE, find_grave
from tests.reruns.api.test_access import API, Api
from tests.reruns.conftest import TRACE, find_ids, write_trace

SHEET_BYTES = 64 * 1024
RERUN_BYTES = OWN_BYTES.replace("(css|js)", "(css|js)\\/reruns")
MARKS = ".rr-call .rr-mark"


def open_sheet(page: Page, base: str, *, query: str = "") -> None:
    """Open the trace, wait for its rows, and press the key."""
    page.goto(f"{base}/traces/{TRACE}/{query}")
    expect(page.locator(".tl-row:not([hidden])")).to_have_count(7)
    page.keyboard.press("r")
    expect(page.locator(".rr-plan")).not_to_be_empty()


def test_sheet__playhead_moved_by_keys__says_what_really_happens_as_the_api_does(
    visit: SignIn, owner: User, base: str, worker: Worker, rerun_key: NewKey, project: Project
) -> None:
    page = visit(owner).page
    page.goto(f"{base}/traces/{TRACE}/")
    expect(page.locator(".tl-row:not([hidden])")).to_have_count(7)

    for _ in range(4):
        page.keyboard.press("]")
    page.keyboard.press("r")

    expect_texts(page, MARKS, ["❄", "❄", "▶", "▶", "▶"])
    expect(page.locator(".rr-plan")).to_contain_text("3 calls really happen: gpt-4o-mini, fetch, pg.query.")
    expect(page.locator("[data-rr=session]")).to_have_text("Goes to session-1 at once.")
    ids = find_ids(project)
    body = {"traceId": TRACE, "frozenEventIds": [ids["a"], ids["b"]]}
    planned = Api(key=rerun_key.text).call("POST", f"{API}/rerun-plans", body).json()
    said = [call["effectText"] for call in planned["calls"] if call["state"] == "live"]
    expect_texts(page, '.rr-call[data-state="live"] .rr-effect', said)

    page.keyboard.press("[")
    expect_texts(page, MARKS, ["❄", "▶", "▶", "▶", "▶"])
    page.get_by_role("button", name="search, call 1: from the recording").press("Enter")
    expect(page.locator(".rr-plan")).to_contain_text("5 calls really happen")
    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("heading", name="chat #")).to_be_visible()
    expect(page.locator(".rerun-title .status")).to_have_text("completed")
    assert RunConfig.objects.get().freezes_nothing


def test_sheet__untouched__freezes_all_and_sends_the_recorded_input(
    visit: SignIn, teammate: User, base: str, worker: Worker
) -> None:
    page = visit(teammate).page

    open_sheet(page, base)
    expect(page.locator("#rr-input")).to_have_value('{\n  "question": "tarp?"\n}')
    page.get_by_role("button", name="Rerun", exact=True).click()

    expect(page.locator(".rerun-title .status")).to_have_text("completed")
    config = RunConfig.objects.get()
    assert (config.frozen_event_ids, config.freezes_nothing, config.input_source) == ([], False, "trace")
    assert worker.heard[0]["workflowInput"] == {"question": "tarp?"}


def test_sheet__everything_set__is_what_the_run_config_says(
    visit: SignIn, owner: User, base: str, worker: Worker, project: Project
) -> None:
    page = visit(owner).page
    open_sheet(page, base, query="?t=3000")

    page.locator("#rr-input").fill('{"question": "stove?"}')
    page.locator("summary", has_text="Mocks").click()
    page.get_by_label("Mock gpt-4o-mini").select_option("mock-all")
    answer = page.get_by_label("What every call of gpt-4o-mini answers, as JSON")
    expect(answer).to_have_value('"A tarp."')
    answer.fill('"A stove."')
    page.locator("summary", has_text="Prompts").click()
    page.get_by_role("button", name="Add a prompt").click()
    page.get_by_label("Name of the prompt").fill("support")
    page.get_by_label("Text of the prompt").fill("Be brief.")
    page.get_by_label("Run", exact=True).fill("2")
    page.get_by_label("Check the answers").select_option("output-contains")
    page.get_by_label("Texts, one a line").fill("tarp\n19.90")
    page.get_by_label("Must hold in").select_option("majority")
    expect(page.locator(".rr-plan")).to_contain_text("2 calls really happen: fetch, pg.query.")
    expect(page.locator(".rr-plan")).to_contain_text("1 from mocks")
    page.get_by_role("button", name="Rerun 2 times: 2 for real").click()

    expect(page.locator(".rerun-title .status")).to_have_text("completed")
    config, trigger = RunConfig.objects.get(), Trigger.objects.get()
    ids = find_ids(project)
    assert config.frozen_event_ids == [ids["a"], ids["b"]]
    assert config.workflow_input == {"question": "stove?"}
    assert config.ai_mock_config == {"gpt-4o-mini": {"mode": "mock-all", "mockData": {"0": "A stove."}}}
    assert config.prompt_mocks == {"support": "Be brief."}
    assert trigger.run_count == 2
    assert trigger.evaluations == [
        {
            "type": "output-contains",
            "substrings": ["tarp", "19.90"],
            "case_sensitive": True,
            "pass_threshold": "majority",
        }
    ]


def test_sheet__what_cannot_be_read_or_is_refused__is_said_at_its_field(
    visit: SignIn, owner: User, base: str, worker: Worker
) -> None:
    page = visit(owner, expects=(400,)).page
    open_sheet(page, base)

    page.locator("#rr-input").fill("{question")
    expect(page.locator('[data-error="workflowInput"]')).to_contain_text("This is no JSON")
    page.get_by_role("button", name="Rerun", exact=True).click()
    expect(page.locator("#rr-input")).to_be_focused()
    page.get_by_role("button", name="As it was recorded").click()

    page.get_by_label("Check the answers").select_option("regex")
    page.get_by_role("button", name="Rerun", exact=True).click()
    expect(page.locator('[data-error="evaluations"]')).to_have_text("evaluations: Pattern: fill this in.")
    page.get_by_role("button", name="Remove this check").click()
    page.get_by_label("Check the answers").select_option("latency-budget")
    page.get_by_label("Milliseconds").fill("-1")
    expect(page.locator('[data-error="evaluations"]')).to_contain_text("evaluations[0]: max_duration_ms")
    expect(page.get_by_label("Milliseconds")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Remove this check").click()
    expect(page.locator('[data-error="evaluations"]')).to_be_empty()
    assert not Trigger.objects.exists()


def test_sheet__input_not_known__is_asked_for(
    visit: SignIn, owner: User, base: str, store: None, project: Project, rerun_key: NewKey
) -> None:
    in_thread(lambda: write_trace(project, input=None))
    page = visit(owner, expects=(422,)).page
    open_sheet(page, base)

    expect(page.locator("#rr-input-hint")).to_contain_text("does not say what the workflow was given")
    page.get_by_role("button", name="Rerun", exact=True).click()
    expect(page.locator('[data-error="workflowInput"]')).to_contain_text("give it, or null")
    page.locator("#rr-input").fill("null")
    page.get_by_role("button", name="Rerun", exact=True).click()

    expect(page.locator(".rerun-title .status")).to_have_text("pending")
    assert RunConfig.objects.get().input_source == "given"


def test_sheet__nobody_connected__shows_how_to_start_and_waits_until_one_comes(
    visit: SignIn, owner: User, base: str, site: str, chat: str, rerun_key: NewKey
) -> None:
    page = visit(owner).page
    open_sheet(page, base)

    expect(page.locator("[data-rr=session]")).to_contain_text("No SDK that takes reruns is connected.")
    expect(page.locator(".rr-sheet .code")).to_contain_text("ELASTICDASH_ACCEPT_RERUNS=1")
    expect(page.locator(".rr-sheet .code")).to_contain_text(rerun_key.key.public_id)
    page.get_by_role("button", name="Rerun", exact=True).click()
    expect(page.locator("[data-part=notice]")).to_contain_text("Waiting for an SDK.")
    page.evaluate("window.isSame = true")
    worker = Worker(site, rerun_key.text)
    worker.start()

    expect(page.locator(".rerun-title .status")).to_have_text("completed")
    assert page.evaluate("window.isSame")
    worker.stop()


def test_sheet__one_step__runs_alone_with_the_input_it_had_or_another(
    visit: SignIn, owner: User, base: str, worker: Worker, project: Project
) -> None:
    page = visit(owner).page
    page.goto(f"{base}/traces/{TRACE}/?event=b")

    page.locator(".side").get_by_role("button", name="Rerun step").click()
    expect(page.locator("#rr-input")).to_have_value('{\n  "sku": "A"\n}')
    expect(page.locator(".rr-plan")).to_contain_text("1 call really happens: price.")
    page.get_by_role("button", name="Rerun: 1 for real").click()

    expect(page.locator(".rerun-title .status")).to_have_text("completed")
    expect(page.locator(".diff-lines")).to_contain_text("24.5")
    assert worker.heard[0]["steps"][0]["originalEventDbId"] == find_ids(project)["b"]


def test_sheet__saved_as_a_test__downloads_a_file_that_names_the_function(
    visit: SignIn, owner: User, base: str, worker: Worker
) -> None:
    page = visit(owner, expects=(400,)).page
    open_sheet(page, base)
    page.locator("summary", has_text="Save as a test").click()

    page.get_by_label("Function under test").fill("not one")
    page.get_by_role("button", name="Download", exact=True).click()
    expect(page.locator('[data-error="function"]')).to_contain_text("give module:function")
    page.get_by_label("Function under test").fill("shop.desk:chat")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download", exact=True).click()

    assert started.value.suggested_filename == "test_chat_c1de2abc.py"
    assert "'shop.desk:chat'" in started.value.path().read_text()


def test_sheet__viewer__is_told_why_not(visit: SignIn, viewer: User, base: str, chat: str) -> None:
    page = visit(viewer).page
    page.goto(f"{base}/traces/{TRACE}/")

    page.get_by_role("button", name="Rerun from here").click()

    expect(page.locator(".rr-denied")).to_contain_text("This takes the role engineer; yours is viewer.")
    expect(page.locator(".rr-sheet form")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".rr-sheet")).to_have_count(0)


@pytest.mark.parametrize("query", ["", "?t=3000"])
def test_sheet__in_both_themes_and_on_a_phone__is_accessible_whole_and_light(
    query: str, visit: SignIn, owner: User, base: str, worker: Worker
) -> None:
    page = visit(owner).page
    page.goto(f"{base}/traces/{TRACE}/{query}", wait_until="networkidle")
    before, before_sheet = page.evaluate(OWN_BYTES), page.evaluate(RERUN_BYTES)

    open_sheet(page, base, query=query)
    page.get_by_label("Check the answers").select_option("llm-judge")
    page.locator("summary", has_text="Mocks").click()
    page.get_by_label("Mock price").select_option("mock-specific")
    found: list[Any] = [find_grave(page)]
    own = page.evaluate(RERUN_BYTES)
    page.emulate_media(color_scheme="dark")
    found.append(find_grave(page, "color-contrast"))
    page.set_viewport_size(PHONE)
    found.append(find_grave(page, "target-size"))

    assert found == [[], [], []]
    assert page.evaluate("document.querySelector('.rr-sheet').scrollWidth") <= PHONE["width"]
    # What the sheet needs is fetched when it is opened, not with the page.
    assert 0 < before < BUDGET_BYTES
    assert before_sheet == 0
    assert 0 < own < SHEET_BYTES
