"""The Traces page in Chromium: what it shows, filters, paging, keys, and rows that arrive or change meanwhile."""

from __future__ import annotations

from playwright.sync_api import expect

from observability.models import Project, User
from observability.services.keys import NewKey
from observability.templatetags.playhead import UNKNOWN
from tests.e2e.conftest import SignIn, StoreRecords, texts_of
from tests.records import make_event


def test_traces__with_runs__shows_newest_first_with_their_figures(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event("t-old", name="refundFlow", lasts=2.5),
        make_event("t-new", name="chat", at=10, status="error", error_message="card declined", lasts=61),
        make_event("t-new", "call", name="gpt-4o", at=11, parent_span_id="root", kind="ai", cost_micros=1200),
    )
    page = visit(owner).page

    page.goto(f"{base}/traces/")

    assert texts_of(page, "#traces .c-run a") == ["chat", "refundFlow"]
    assert texts_of(page, "#traces td.c-status") == ["error", "ok"]
    assert texts_of(page, "#traces td.c-duration") == ["1m 01s", "2.5 s"]
    assert texts_of(page, "#traces td.c-events") == ["2", "1"]
    assert texts_of(page, "#traces td.c-cost") == ["$0.0012", UNKNOWN]
    assert texts_of(page, "#traces .preview.error") == ["card declined"]


def test_traces__filter_by_status_and_text__narrows_and_is_in_the_address(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event("t-1", name="alpha", input=b'"where is my kettle"'),
        make_event("t-2", name="beta", at=1, status="error"),
        make_event("t-3", name="gamma", at=2, input=b'"kettle broken"', status="error"),
    )
    page = visit(owner).page
    page.goto(f"{base}/traces/")

    page.get_by_role("radio", name="error").check()
    expect(page.locator("#traces .c-run a")).to_have_text(["gamma", "beta"])
    page.keyboard.press("/")
    page.keyboard.type("kettle")
    expect(page.locator("#traces .c-run a")).to_have_text(["gamma"])

    assert "status=error" in page.url
    assert "q=kettle" in page.url
    page.reload()
    expect(page.locator("#traces .c-run a")).to_have_text(["gamma"])
    page.go_back()
    expect(page.locator("#traces .c-run a")).to_have_text(["gamma", "beta"])
    expect(page.get_by_role("radio", name="error")).to_be_checked()
    expect(page.get_by_role("search")).to_be_visible()
    expect(page.get_by_role("radio", name="error")).to_be_checked()
    expect(page.get_by_label("Search traces")).to_have_value("")


def test_traces__escape_in_the_search__leaves_it_and_keeps_the_text(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", name="alpha"), make_event("t-2", name="beta", at=1))
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    page.keyboard.press("/")
    page.keyboard.type("alpha")
    expect(page.locator("#traces .c-run a")).to_have_text(["alpha"])

    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("alpha")


def test_traces__refused_filters__are_not_asked_for_again(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    visitor = visit(owner, expects=(400,))
    page = visitor.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{base}/traces/?status=nonsense")
    expect(page.locator("#live")).to_have_text("Live")

    keep(make_event("t-1", name="first"))
    page.wait_for_timeout(700)

    assert not [url for url in asked if "traces-live" in url]


def test_traces__more_than_a_page__goes_on_to_older_and_back(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*(make_event(f"t-{number}", name=f"run {number}", at=number) for number in range(60)))
    page = visit(owner).page
    page.goto(f"{base}/traces/")

    page.get_by_role("link", name="Older").click()
    expect(page.locator("#traces tbody tr")).to_have_count(10)
    assert texts_of(page, "#traces .c-run a")[0] == "run 9"
    page.get_by_role("link", name="Newest").click()

    expect(page.locator("#traces tbody tr")).to_have_count(50)
    assert texts_of(page, "#traces .c-run a")[0] == "run 59"


def test_traces__keys__move_and_open(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(make_event("t-1", name="first"), make_event("t-2", name="second", at=1))
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    expect(page.locator("#live")).to_have_text("Live")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("first")
    # Rows are drawn by the page's script: now it listens to keys.
    expect(page.locator(".tl-row").first).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page.locator("#traces")).to_be_visible()


def test_traces__new_run_arrives__waits_behind_the_pill_and_nothing_moves(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", name="first"))
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    expect(page.locator("#live")).to_have_text("Live")
    before = page.locator("#traces tbody tr").bounding_box()

    keep(make_event("t-2", name="second", at=5), make_event("t-0", name="earlier", at=-5))

    expect(page.locator("#new-rows")).to_have_text("2 new")
    assert page.locator("#traces tbody tr").bounding_box() == before
    page.keyboard.press("n")
    expect(page.locator("#traces .c-run a")).to_have_text(["second", "first", "earlier"])


def test_traces__late_run_with_an_earlier_start__is_offered_too(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", name="first"), make_event("t-3", name="third", at=10))
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    expect(page.locator("#live")).to_have_text("Live")

    keep(make_event("t-2", name="second", at=5))

    expect(page.locator("#new-rows")).to_have_text("1 new")
    page.locator("#new-rows").click()
    expect(page.locator("#traces .c-run a")).to_have_text(["third", "second", "first"])


def test_traces__running_run_ends__its_row_changes_in_place(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", name="first", lasts=None), make_event("t-2", name="second", at=1))
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    row = page.locator("#traces tbody tr").nth(1)
    expect(row.locator("td.c-status")).to_have_text("running")
    expect(page.locator("#live")).to_have_text("Live")
    row.locator("a").focus()
    before = row.bounding_box()

    keep(make_event("t-1", name="first", lasts=3))

    expect(row.locator("td.c-status")).to_have_text("ok")
    expect(row.locator("td.c-duration")).to_have_text("3 s")
    expect(row.locator("a")).to_be_focused()
    assert row.bounding_box() == before


def test_traces__none_yet__shows_how_to_send_with_the_projects_key(
    visit: SignIn, owner: User, base: str, api_key: NewKey, keep: StoreRecords
) -> None:
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    expect(page.get_by_role("heading", name="Waiting for the first trace")).to_be_visible()
    expect(page.locator("#main")).to_contain_text(f"{api_key.key.public_id}.SECRET")
    page.get_by_role("radio", name="curl").check()
    expect(page.locator("[data-for=curl]")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Live")

    keep(make_event("t-1", name="first"))

    expect(page.locator("#traces .c-run a")).to_have_text(["first"])


def test_traces__custom_range__is_in_the_readers_zone_and_kept_in_utc(
    visit: SignIn, owner: User, base: str, keep: StoreRecords, project: Project
) -> None:
    keep(make_event("t-1", name="first"))
    page = visit(owner).page
    page.goto(f"{base}/traces/?range=custom&from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z")
    expect(page.get_by_role("heading", name="No trace matches")).to_be_visible()
    expect(page.get_by_label("From")).to_have_value("2001-01-01T00:00")

    page.get_by_label("To", exact=True).fill("2099-01-01T00:00:00")

    expect(page.locator("#traces .c-run a")).to_have_text(["first"])
    assert "to=2099-01-01T00" in page.url


def test_traces__narrow_window__fits(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(make_event("t-1", name="a workflow with a very long name that does not fit", lasts=None))
    page = visit(owner, viewport={"width": 400, "height": 800}).page

    page.goto(f"{base}/traces/")

    expect(page.locator("#traces tbody tr")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 400
