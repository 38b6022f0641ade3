"""The Traces page in Chromium: what it shows, filters, paging, keys, and rows that arrive or change meanwhile."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from observability.models import Project, User
from observability.services.keys import NewKey
from observability.templatetags.playhead import UNKNOWN
from tests.e2e.conftest import SignIn, StoreRecords, expect_texts
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

    expect_texts(page, "#traces .c-run a", ["chat", "refundFlow"])
    expect_texts(page, "#traces td.c-status", ["error", "ok"])
    expect_texts(page, "#traces td.c-duration", ["1m 01s", "2.5 s"])
    expect_texts(page, "#traces td.c-events", ["2", "1"])
    expect_texts(page, "#traces td.c-cost", ["$0.0012", UNKNOWN])
    expect_texts(page, "#traces .preview.error", ["card declined"])


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
    statuses = page.get_by_role("group", name="Status")

    statuses.get_by_role("link", name="error").click()
    expect(page.locator("#traces .c-run a")).to_have_text(["gamma", "beta"])
    expect(page.get_by_label("Search traces")).to_have_value("status:error")
    page.get_by_label("Search traces").press("End")
    page.keyboard.type(" kettle")
    expect(page.locator("#traces .c-run a")).to_have_text(["gamma"])

    expect(page.locator(".chip")).to_have_text(["status:error", "kettle"])
    expect(page).to_have_url(re.compile("q=status%3Aerror"))
    page.reload()
    expect(page.locator("#traces .c-run a")).to_have_text(["gamma"])
    page.go_back()
    expect(page.locator("#traces .c-run a")).to_have_text(["gamma", "beta"])
    expect(statuses.get_by_role("link", name="error")).to_have_attribute("aria-current", "true")
    expect(page.get_by_label("Search traces")).to_have_value("status:error")
    page.go_forward()
    expect(page.locator("#traces .c-run a")).to_have_text(["gamma"])
    page.locator("[data-chip='0']").focus()
    page.keyboard.press("Backspace")
    expect(page.locator("#traces .c-run a")).to_have_text(["gamma", "alpha"])
    expect(page.get_by_label("Search traces")).to_have_value("kettle")


def test_traces__query_that_cannot_be_read__is_underlined_and_the_list_stays(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", name="alpha"))
    page = visit(owner, expects=(400,)).page
    page.goto(f"{base}/traces/")

    page.keyboard.press("/")
    page.keyboard.type("alpha cost>much")
    page.keyboard.press("Enter")

    expect(page.locator("#query-problem mark")).to_have_text("much")
    expect(page.get_by_label("Search traces")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#traces .c-run a")).to_have_text(["alpha"])
    for _ in range(10):
        page.keyboard.press("Backspace")
    expect(page.locator("#query-problem")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_text(["alpha"])


def test_traces__completion__leads_from_field_to_value_and_to_any_id(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("chat::1::abc", name="chat room"), make_event("t-2", name="other", at=1))
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    expect(page.locator("#traces tbody tr")).to_have_count(2)
    field = page.get_by_role("combobox", name="Search traces")

    field.focus()
    page.keyboard.type("workf")
    expect(page.get_by_role("option", name="workflow").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(field).to_have_value("workflow:")
    expect(page.get_by_role("option", name="other")).to_be_visible()
    page.keyboard.type("cha")
    expect(page.get_by_role("option", name="other")).to_have_count(0)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value('workflow:"chat room" ')
    expect(page.locator("#traces .c-run a")).to_have_text(["chat room"])
    expect(field).to_have_attribute("aria-expanded", "false")

    field.fill("chat::1::abc")
    expect(page.get_by_role("option").first).to_contain_text("Go to trace")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("chat room")


def test_traces__facets__count_narrow_and_leave_out(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(
        *(make_event(f"t-{number}", name="chat", at=number) for number in range(3)),
        make_event("t-8", name="mail", at=8, status="error"),
    )
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    workflows = page.locator("[data-facet-field=workflow] [data-facet]")

    expect(workflows).to_have_text(["chat3", "mail1"])
    workflows.nth(1).click()
    expect(page.locator("#traces .c-run a")).to_have_text(["mail"])
    expect(page.locator("[data-value=mail]")).to_have_attribute("aria-pressed", "true")
    page.locator("[data-value=mail]").press("Enter")
    expect(page.locator("#traces tbody tr")).to_have_count(4)
    expect(page.locator(".chip")).to_have_count(0)
    page.locator("[data-value=mail]").click(modifiers=["Alt"])
    expect(page.get_by_label("Search traces")).to_have_value("-workflow:mail")
    expect(page.locator("#traces tbody tr")).to_have_count(3)
    page.keyboard.press("f")
    expect(page.locator("#facets")).to_be_hidden()
    page.reload()
    expect(page.locator("#facets")).to_be_hidden()


def test_traces__histogram__adds_up_and_its_brush_sets_the_range(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event("t-1", name="early"),
        make_event("t-2", name="late", at=1800, status="error"),
        make_event("t-3", name="later", at=1801, lasts=None),
    )
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    expect(page.locator("#histogram-legend")).to_contain_text("ok 1error 1running 1")
    height = page.locator(".histogram").evaluate("box => box.offsetHeight")

    chart = page.get_by_role("slider", name="Traces over time")
    chart.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")

    expect(page.locator("#traces .c-run a")).to_have_text(["early"])
    expect(page).to_have_url(re.compile("range=custom"))
    assert page.locator(".histogram").evaluate("box => box.offsetHeight") == height


def test_traces__selected__deleted_with_undo_and_compared(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*(make_event(f"t-{number}", name=f"run {number}", at=number) for number in range(4)))
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    names = page.locator("#traces tbody tr:not([hidden]) .c-run a")

    page.keyboard.press("j")
    page.keyboard.press("x")
    page.locator(".c-pick input").nth(3).click(modifiers=["Shift"])
    expect(page.locator("[data-count]")).to_have_text("3 selected")
    page.keyboard.press("#")
    expect(page.locator("#delete-traces")).to_contain_text("3 events")
    page.keyboard.press("Enter")
    expect(names).to_have_text(["run 0"])
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(names).to_have_text(["run 3", "run 2", "run 1", "run 0"])

    names.nth(0).focus()
    page.keyboard.press("J")
    page.keyboard.press("x")
    expect(page.locator("[data-select=compare]")).to_have_attribute("href", re.compile(r"left=t-2&right=t-3$"))
    page.keyboard.press("Escape")
    expect(page.locator("#selection-bar")).to_be_hidden()


def test_traces__view_saved__opens_with_its_query_and_columns(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", name="alpha"), make_event("t-2", name="beta", at=1, status="error"))
    page = visit(owner).page
    page.goto(f"{base}/traces/?q=status:error")
    page.get_by_role("button", name="Columns and density").click()
    page.get_by_label("Cost").uncheck()
    expect(page.locator("th.c-cost")).to_have_count(0)
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Views").click()
    page.get_by_role("button", name="Save as a new view").click()
    page.keyboard.type("Failed")
    page.get_by_label("Share it").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".view-name")).to_have_text("Failed")
    page.get_by_role("group", name="Status").get_by_role("link", name="All").click()
    expect(page.locator(".changed")).to_be_visible()
    page.get_by_role("button", name="Failed").click()
    page.get_by_role("link", name="Failed").click()
    expect(page.locator("#traces .c-run a")).to_have_text(["beta"])
    expect(page.locator("th.c-cost")).to_have_count(0)

    page.get_by_role("button", name="Failed").click()
    page.get_by_role("button", name="Delete this view").click()
    expect(page.locator(".view-name")).to_have_text("Views")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".view-name")).to_have_text("Failed")


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
    page.clock.install()
    with page.expect_websocket() as opened:
        page.goto(f"{base}/traces/?q=colour:red")
    expect(page.locator("#live")).to_have_text("Live")

    with opened.value.expect_event("framereceived", lambda frame: "trace.changed" in str(frame)):
        keep(make_event("t-1", name="first"))
    page.clock.run_for(1000)
    page.evaluate("fetch('/healthz')")

    assert not [url for url in asked if "traces-live" in url]


def test_traces__more_than_a_page__goes_on_to_older_and_back(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*(make_event(f"t-{number}", name=f"run {number}", at=number) for number in range(60)))
    page = visit(owner).page
    page.goto(f"{base}/traces/")

    page.get_by_role("link", name="Older").click()
    expect(page.locator("#traces tbody tr")).to_have_count(10)
    expect(page.locator("#traces .c-run a").first).to_have_text("run 9")
    page.get_by_role("link", name="Newest").click()

    expect(page.locator("#traces tbody tr")).to_have_count(50)
    expect(page.locator("#traces .c-run a").first).to_have_text("run 59")


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
    expect(page).to_have_url(re.compile("to=2099-01-01T00"))


def test_traces__narrow_window__fits(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(make_event("t-1", name="a workflow with a very long name that does not fit", lasts=None))
    page = visit(owner, viewport={"width": 400, "height": 800}).page

    page.goto(f"{base}/traces/")

    expect(page.locator("#traces tbody tr")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.get_by_role("button", name="Facets").click()
    expect(page.locator("[data-facet-field=status]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.keyboard.press("Escape")
    expect(page.locator("#facets")).to_be_hidden()
