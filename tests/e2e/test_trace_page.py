"""The Trace page in Chromium: tree and bars, keys, side panel, log, addresses, and a trace that grows while watched."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from playwright.sync_api import Page, expect

from observability.ingest.records import EventRecord, Usage
from observability.models import Project, User
from observability.services.policies import update_capture
from tests.e2e.conftest import SignIn, StoreRecords, expect_texts, texts_of
from tests.records import make_event, make_log

TRACE = "chat::1795202677943::c1de2abc"
ROWS = ".tl-row:not([hidden])"


def make_run() -> list[EventRecord]:
    """Return a run of a workflow with an agent, a model call, and a tool that failed."""
    return [
        make_event(TRACE, "root", name="chat", lasts=10, input=b'"Where is my order?"'),
        make_event(TRACE, "agent", name="planner", kind="agent", parent_span_id="root", at=1, lasts=6),
        make_event(
            TRACE,
            "call",
            name="gpt-4o",
            kind="ai",
            model="gpt-4o",
            parent_span_id="agent",
            at=2,
            lasts=3,
            input=json.dumps({"messages": [{"role": "user", "content": "Where is my order?"}]}).encode(),
            output=b'"It arrives tomorrow."',
            usage=Usage(input=900, cached_input=100, output=50, total=1050),
            cost_micros=1234,
        ),
        make_event(
            TRACE,
            "tool",
            name="look_up_order",
            parent_span_id="agent",
            at=5,
            lasts=1,
            status="error",
            error_type="NotFound",
            error_message="no such order",
            error_stack="Traceback: desk.py line 7",
            input=b'{"order": "A-1", "lines": [1, 2, 3]}',
        ),
    ]


def open_trace(page: Page, base: str, query: str = "", trace_id: str = TRACE) -> None:
    page.goto(f"{base}/traces/{quote(trace_id)}/{query}")
    expect(page.locator(ROWS).first).to_be_visible()


def test_timeline__finished_run__shows_tree_in_order_with_durations(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_run())
    page = visit(owner).page

    open_trace(page, base)

    expect_texts(page, f"{ROWS} .tl-title", ["chat", "planner", "gpt-4o", "look_up_order"])
    expect_texts(page, f"{ROWS} .tl-duration", ["10 s", "6 s", "3 s", "1 s"])
    assert [row.get_attribute("aria-level") for row in page.locator(ROWS).all()] == ["1", "2", "3", "3"]
    expect(page.locator(f"{ROWS} .tl-label").nth(2)).to_have_text("1.1k tok · $0.0012")
    expect(page.locator(ROWS).nth(3)).to_have_class("tl-row is-error")


def test_timeline__bars__lie_where_their_times_are(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(*make_run())
    page = visit(owner).page

    open_trace(page, base)

    whole, _, call, _ = [bar.bounding_box() for bar in page.locator(f"{ROWS} .tl-bar").all()]
    assert whole is not None
    assert call is not None
    assert abs((call["x"] - whole["x"]) / whole["width"] - 0.2) < 0.01
    assert abs(call["width"] / whole["width"] - 0.3) < 0.01


def test_timeline__keys__walk_collapse_and_find_errors(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_run())
    page = visit(owner).page
    open_trace(page, base)
    grid = page.get_by_role("treegrid")
    grid.focus()

    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator(ROWS).nth(1)).to_have_attribute("aria-expanded", "false")
    expect(page.locator(f"{ROWS} .tl-hidden").nth(1)).to_have_text("2 ▲1")
    page.keyboard.press("e")

    expect(page.locator(ROWS)).to_have_count(4)
    active = grid.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active} .tl-title")).to_have_text("look_up_order")


def test_panel__model_call__shows_conversation_tokens_and_cost(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_run())
    page = visit(owner).page
    open_trace(page, base)

    page.locator(f"{ROWS} .tl-title", has_text="gpt-4o").click()

    panel = page.locator(".side")
    expect(panel.locator("h2")).to_have_text("gpt-4o")
    expect(panel.locator(".message.user .message-text")).to_have_text("Where is my order?")
    expect(panel.locator(".message.assistant .message-text")).to_have_text("It arrives tomorrow.")
    expect_texts(
        page,
        ".lines:not(.cost-lines) tr",
        [
            "Input 900 86%",
            "Cached input 100 10%",
            "Output 50 5%",
            "Total tokens 1,050",
            "Cost as the sender stated it $0.0012",
        ],
    )
    expect(page).to_have_url(re.compile("event=call"))


def test_panel__failed_tool__shows_error_stack_and_input_that_unfolds(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_run())
    page = visit(owner).page
    open_trace(page, base)

    page.locator(f"{ROWS} .tl-title", has_text="look_up_order").click()

    panel = page.locator(".side")
    expect(panel.locator(".error-box")).to_have_text("NotFoundno such order")
    expect(panel.locator(".stack-trace")).to_have_text("Traceback: desk.py line 7")
    expect(panel.locator("[data-block=input] .json")).to_contain_text('order: "A-1"')
    panel.get_by_role("treeitem").filter(has_text="lines").last.click()
    expect(panel.locator("[data-block=input] .json")).to_contain_text("3 items")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page).not_to_have_url(re.compile("event="))


def test_panel__what_the_project_does_not_capture__says_so(
    visit: SignIn, owner: User, base: str, keep: StoreRecords, project: Project
) -> None:
    update_capture(project=project, inputs=False, error_stacks=False)
    keep(*make_run())
    page = visit(owner).page

    open_trace(page, base, "?event=tool")

    panel = page.locator(".side")
    expect(panel.locator("[data-block=input]")).to_contain_text("this project does not capture inputs")
    expect(panel.locator("[data-block=error]")).to_contain_text("this project does not capture error stacks")
    expect(panel.locator("[data-block=error]")).to_contain_text("no such order")


def test_panel__redacted_values__show_no_secret_and_say_so(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event(TRACE, input=b'{"password": "hunter2", "order": "A-1"}'))
    page = visit(owner).page

    open_trace(page, base, "?event=root")

    expect(page.locator(".side")).to_contain_text("redacted before it was stored")
    expect(page.locator("[data-block=input]")).to_contain_text('order: "A-1"')
    assert "hunter2" not in page.content()


def test_panel__large_value__shows_its_beginning_and_opens_whole(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    text = "all work and no play " * 20_000
    keep(make_event(TRACE, output=json.dumps(text).encode()))
    page = visit(owner).page
    open_trace(page, base, "?event=root")
    block = page.locator("[data-block=output]")
    expect(block).to_contain_text("all work and no play")

    address = block.get_by_role("link", name="Open all 410 KiB").get_attribute("href")

    assert page.request.get(str(address)).json() == text


def test_panel__open__follows_the_keys(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(*make_run())
    page = visit(owner).page
    open_trace(page, base)

    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".side h2")).to_have_text("chat")
    page.keyboard.press("j")

    expect(page.locator(".side h2")).to_have_text("planner")
    expect(page.locator(f"{ROWS}.is-selected .tl-title")).to_have_text("planner")


def test_address__deep_link__opens_the_event_and_back_closes_it(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_run())
    page = visit(owner).page

    open_trace(page, base, "?event=tool")
    expect(page.locator(".side h2")).to_have_text("look_up_order")
    expect(page.locator(f"{ROWS}.is-selected .tl-title")).to_have_text("look_up_order")
    open_trace(page, base)
    page.locator(f"{ROWS} .tl-title", has_text="planner").click()
    expect(page.locator(".side h2")).to_have_text("planner")
    page.go_back()

    expect(page.locator(".side")).to_be_hidden()


def test_address__event_that_is_not_there__says_so(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(*make_run())
    page = visit(owner, expects=(404,)).page

    open_trace(page, base, "?event=nobody")

    expect(page.locator(".side .notice")).to_have_text("This trace has no such event.")


def test_log__records_and_events__merge_by_time(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(
        *make_run(),
        make_log(TRACE, "cache miss", at=2.5, span_id="call", level="debug"),
        make_log(TRACE, "two\nlines", at=5.5, stream="stderr", level="error", fields=b'{"attempt": 2}'),
    )
    page = visit(owner).page
    open_trace(page, base)

    page.keyboard.press("3")

    rows = ".log-row:not([hidden])"
    expect(page.locator(rows)).to_have_count(7)
    expect_texts(page, f"{rows} .log-level", ["workflow", "agent", "ai", "debug", "tool", "error", "error"])
    expect(page.locator(f"{rows} .log-time").nth(3)).to_have_text("+2.500s")
    page.locator(rows).nth(5).click()
    expect(page.locator(".side [data-block=message]")).to_contain_text("lines")
    expect(page.locator(".side [data-block=fields]")).to_contain_text("attempt: 2")
    page.get_by_label("Show events").uncheck()
    expect(page.locator(rows)).to_have_count(2)
    page.reload()
    expect(page.locator(rows)).to_have_count(2)


def test_growth__events_arrive__tree_header_and_panel_change_in_place(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event(TRACE, "root", name="chat", lasts=None), make_event(TRACE, "one", parent_span_id="root", lasts=None)
    )
    page = visit(owner).page
    open_trace(page, base, "?event=one")
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator(".side .status")).to_have_text("running")
    expect(page.locator("[data-part=status]")).to_have_text("running")
    top = page.locator(ROWS).first.bounding_box()

    keep(
        make_event(TRACE, "one", parent_span_id="root", lasts=1, output=b'"done"'),
        make_event(TRACE, "two", name="second tool", parent_span_id="root", at=1, lasts=1),
        make_event(TRACE, "root", name="chat", lasts=3, status="error", error_message="it broke"),
    )

    expect(page.locator(ROWS)).to_have_count(3)
    expect(page.locator("[data-part=status]")).to_have_text("error")
    expect(page.locator("[data-part=error]")).to_have_text("it broke")
    expect(page.locator(".side .status")).to_have_text("ok")
    expect(page.locator(".side [data-block=output]")).to_contain_text("done")
    assert page.locator(ROWS).first.bounding_box() == top


def test_growth__rows_come_in_above__what_is_looked_at_stays(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event(TRACE, "root", name="chat", lasts=None),
        *(make_event(TRACE, f"s{n:03}", name=f"step {n}", parent_span_id="root", at=100 + n) for n in range(100)),
    )
    page = visit(owner).page
    open_trace(page, base)
    expect(page.locator("#live")).to_have_text("Live")
    page.locator(".tl-scroll").evaluate("element => { element.scrollTop = 28 * 50; }")
    row = page.locator(ROWS).filter(has_text="step 55")
    expect(row).to_be_visible()
    before = row.bounding_box()

    keep(*(make_event(TRACE, f"early{n}", name="early", parent_span_id="root", at=1 + n) for n in range(20)))

    expect(page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", "121")
    assert row.bounding_box() == before


def test_parent__not_received__is_shown_and_replaced_when_it_comes(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event(TRACE, "child", name="orphan", parent_span_id="late", at=1))
    page = visit(owner).page
    open_trace(page, base)
    expect_texts(page, f"{ROWS} .tl-title", ["Parent not received", "orphan"])
    expect(page.locator("#live")).to_have_text("Live")

    keep(make_event(TRACE, "late", name="chat", lasts=5))

    expect(page.locator(f"{ROWS} .tl-title")).to_have_text(["chat", "orphan"])


def test_parents__in_a_circle__are_all_shown(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(
        make_event(TRACE, "a", name="first", parent_span_id="b"),
        make_event(TRACE, "b", name="second", parent_span_id="a", at=1),
        make_event(TRACE, "c", name="third", parent_span_id="c", at=2),
    )
    page = visit(owner).page

    open_trace(page, base)

    assert sorted(texts_of(page, f"{ROWS} .tl-title")) == ["first", "second", "third"]


def test_inferred_events__are_marked(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(
        make_event(TRACE, "root", name="chat", lasts=10, source="sdk", session_id="s-1"),
        make_event(
            "unknown-workflow::s-1",
            "query",
            name="psycopg2.execute",
            kind="db",
            at=2,
            source="sdk",
            session_id="s-1",
            parent_span_id="",
        ),
    )
    page = visit(owner).page

    open_trace(page, base)

    expect(page.locator(ROWS).filter(has_text="psycopg2.execute").locator(".tl-mark")).to_have_text("inferred")


def test_odd_trace_id__is_reached_from_the_list(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    odd = "a/b c?d=e#f%20&<script>"
    keep(make_event(odd, name="odd one"))
    page = visit(owner).page
    page.goto(f"{base}/traces/")

    page.get_by_role("link", name="odd one").click()

    expect(page.locator(ROWS).first).to_be_visible()
    page.locator(f"{ROWS} .tl-title").click()
    expect(page.locator(".side h2")).to_have_text("odd one")


def test_hostile_names__stay_text(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    hostile = "<img src=x onerror=document.title='broken'>"
    keep(
        make_event(TRACE, name=hostile, error_message=hostile, status="error", input=json.dumps(hostile).encode()),
        make_log(TRACE, hostile),
    )
    page = visit(owner).page

    open_trace(page, base, "?event=root")

    expect(page.locator(".side h2")).to_have_text(hostile)
    expect(page.locator("h1")).to_have_text(hostile)
    assert page.title() != "broken"


def test_ten_thousand_events__only_visible_rows_are_in_the_document(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event(TRACE, "root", name="chat", lasts=3000),
        *(
            make_event(TRACE, f"s{n:05}", name=f"step {n}", parent_span_id="root", at=n / 5, lasts=0.1)
            for n in range(9_999)
        ),
    )
    page = visit(owner).page

    open_trace(page, base)
    expect(page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", "10000")
    page.get_by_role("treegrid").focus()
    page.keyboard.press("End")

    expect(page.locator(ROWS).filter(has_text="step 9998")).to_be_visible()
    assert page.locator(".tl-row").count() < 60


def test_narrow_window__panel_covers_the_timeline_and_nothing_overflows(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_run())
    page = visit(owner, viewport={"width": 400, "height": 800}).page
    open_trace(page, base)

    page.locator(f"{ROWS} .tl-title", has_text="gpt-4o").click()

    expect(page.locator(".side .message.assistant")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.get_by_role("button", name="Close the panel").click()
    expect(page.locator(ROWS).first).to_be_visible()
