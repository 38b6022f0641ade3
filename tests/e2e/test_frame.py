"""The frame of every page: palette, shortcuts, toasts, density, time zone, paper."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from observability.models import Project, SavedView, User
from observability.services.preferences import set_preferences
from observability.services.tenancy import create_project
from tests.e2e.conftest import SignIn, StoreRecords, texts_of
from tests.records import make_event

PHONE = {"width": 400, "height": 800}


def open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-input")).to_be_focused()


def test_palette__by_keyboard__finds_goes_and_remembers(
    visit: SignIn, owner: User, base: str, project: Project, store: None
) -> None:
    create_project(organization=project.organization, name="Zebra")
    page = visit(owner).page
    page.goto(f"{base}/settings/keys/")

    open_palette(page)
    page.keyboard.type("zeb")
    option = page.locator(".palette-option[aria-selected=true]")
    expect(option).to_contain_text("Zebra")
    expect(page.locator("#palette-input")).to_have_attribute(
        "aria-activedescendant", option.get_attribute("id") or "none"
    )
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/zebra/**")
    page.goto("/account/")
    open_palette(page)

    # The same address, which is now that of a section of the current project.
    expect(page.locator(".palette-option").first).to_contain_text("Overview")
    expect(page.locator(".palette-group").first).to_have_text("Recent")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".palette-option").last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#palette-input")).to_be_hidden()


def test_palette__id_of_a_trace__leads_to_it(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(make_event("trace-to-find", "root", name="chat"))
    page = visit(owner).page
    page.goto(f"{base}/settings/keys/")

    open_palette(page)
    page.keyboard.type("trace-to-find")
    page.locator(".palette-option").filter(has_text="trace").first.wait_for()
    expect(page.locator(".palette-group").first).to_have_text("Found")
    page.keyboard.press("Enter")

    page.wait_for_url("**/traces/trace-to-find/**")


def test_palette__phone_and_dark__fits_and_changes_the_theme(
    visit: SignIn, owner: User, base: str, store: None
) -> None:
    page = visit(owner, viewport=PHONE).page
    page.goto("/account/")

    page.get_by_role("button", name="Command palette").click()
    expect(page.locator("#palette-input")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.keyboard.type("theme dark")
    with page.expect_response("**/preferences/"):
        page.keyboard.press("Enter")

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_go__g_and_a_letter__shows_where_and_goes(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/keys/")

    page.keyboard.press("g")
    expect(page.locator(".go-hint")).to_contain_text("Traces")
    page.keyboard.press("Escape")
    expect(page.locator(".go-hint")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("t")

    page.wait_for_url("**/traces/")


def test_shortcuts__of_a_page__are_those_that_work_there(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/keys/")

    page.keyboard.press("?")

    titles = texts_of(page, "#shortcuts h3")
    assert "Everywhere" in titles
    assert not {"Traces", "Trace"} & set(titles)


def test_shortcuts__switched_off__leave_letters_alone_and_keep_the_others(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    set_preferences(user=owner, shortcuts="off")
    keep(make_event("t-1", name="chat"), make_event("t-2", name="chat", at=1))
    page = visit(owner).page
    page.goto(f"{base}/traces/")

    for key in ("g", "?", "/", "j", "f", "x"):
        page.keyboard.press(key)

    expect(page.locator(".go-hint, dialog[open], #results input:checked")).to_have_count(0)
    assert page.evaluate("document.activeElement === document.body")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#results tbody a").first).to_be_focused()
    open_palette(page)


def test_palette__saved_view_and_button_of_the_page__are_offered_and_work(
    visit: SignIn, owner: User, base: str, project: Project, keep: StoreRecords
) -> None:
    keep(make_event("t-1", name="chat"))
    view = SavedView.objects.create(project=project, owner=owner, name="Slow refunds", q="duration>2s", range="24h")
    page = visit(owner).page
    page.goto(f"{base}/traces/")

    open_palette(page)
    page.keyboard.type("refunds")
    expect(page.locator(".palette-option[aria-selected=true]")).to_contain_text("Slow refunds")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/traces/?q=duration%3E2s&range=24h&view={view.pk}")
    page.goto(f"{base}/traces/t-1/")
    open_palette(page)
    page.keyboard.type("critical")
    page.keyboard.press("Enter")

    expect(page.get_by_role("button", name="Critical path")).to_have_attribute("aria-pressed", "true")


def test_button_and_key__before_the_scripts_are_there__are_heeded_once_they_are(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", name="chat"))
    page = visit(owner).page
    held: list[Route] = []
    page.route("**/js/trace/timeline*", lambda route: held.append(route))
    with page.expect_request("**/js/trace/timeline*"):
        page.goto(f"{base}/traces/t-1/", wait_until="commit")

    page.get_by_role("button", name="Critical path").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    held[0].continue_()

    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Critical path")).to_have_attribute("aria-pressed", "true")


def test_palette__that_is_being_loaded__takes_what_is_typed(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner).page
    held: list[Route] = []
    page.route("**/js/palette*", lambda route: held.append(route))
    with page.expect_request("**/js/palette*"):
        page.goto(f"{base}/settings/keys/")
        page.keyboard.press("Control+k")

    page.keyboard.type("steps")
    held[0].continue_()

    expect(page.locator("#palette-input")).to_have_value("steps")
    expect(page.locator(".palette-option[aria-selected=true]")).to_contain_text("Steps")


def test_toast__action_and_bound__are_reached_by_keyboard(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/keys/")
    address = page.locator("script[src*='js/base']").get_attribute("src")
    show = """([address, text]) => import(address).then(({ toast }) => toast(text, {
        lasts: 60000, action: { label: "Undo", run: () => { document.title = `undid ${text}`; } } }))"""

    for text in ("one", "two", "three", "four"):
        page.evaluate(show, [address, text])

    expect(page.locator(".toast")).to_have_count(3)
    expect(page.locator(".toast").first).to_contain_text("two")
    page.keyboard.press("u")
    expect(page).to_have_title("undid four")
    page.get_by_role("button", name="Undo").first.focus()
    page.keyboard.press("Escape")
    expect(page.locator(".toast")).to_have_count(1)


def test_density__chosen__holds_after_a_reload(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner).page
    page.goto(f"{base}/settings/keys/")

    page.get_by_role("button", name="Appearance").click()
    with page.expect_response("**/preferences/"):
        page.get_by_role("menuitemradio", name="Comfortable").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-density", "comfortable")
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--row').trim()") == "36px"


def test_time_zone__chosen__is_that_of_every_time(
    visit: SignIn, owner: User, base: str, api_key: object, store: None
) -> None:
    set_preferences(user=owner, time_zone="Asia/Kathmandu")
    page = visit(owner).page
    page.goto(f"{base}/settings/keys/")
    address = page.locator("script[src*='js/base']").get_attribute("src")

    title = page.locator("time[data-when]").first.get_attribute("title")
    format_url = page.evaluate(
        "performance.getEntriesByType('resource').map((one) => one.name).find((name) => name.includes('js/format'))"
    )
    there_and_back = page.evaluate(
        """(address) => import(address).then(({ toField, fromField }) => [
            toField(new Date("2026-03-01T12:00:00Z")), fromField("2026-03-01T17:45").toISOString()])""",
        format_url,
    )

    assert address
    assert title is not None
    assert "GMT+5:45" in title
    assert there_and_back == ["2026-03-01T17:45:00", "2026-03-01T12:00:00.000Z"]


def test_paper__of_a_dark_page__is_light_and_has_no_buttons(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(make_event("t-1", "root", name="chat"))
    page = visit(owner, theme="dark").page
    for path in ("traces/", "traces/t-1/"):
        page.goto(f"{base}/{path}")

        page.emulate_media(media="print", color_scheme="dark")

        expect(page.locator("header.top")).to_be_hidden()
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
        expect(page.get_by_text("chat").locator("visible=true").first).to_be_visible()
        page.emulate_media(media="screen", color_scheme="dark")

    # The rows come by a request of the page's own, after its heading.
    expect(page.locator(".tl-row").first).to_be_visible()
    page.emulate_media(media="print")
    assert page.locator(".tl-scroll").evaluate("(list) => list.clientHeight") >= 28
