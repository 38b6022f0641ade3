"""What every page's frame needs: theme, switcher, shortcuts. Nothing is read from the database unless it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from observability.api.callers import CURRENT_PROJECT
from observability.models import Organization, Project, User
from observability.pages.palette import find_page, list_common_places, list_project_places, make_palette
from observability.selectors.access import list_projects_for_user

THEME_COOKIE = "theme"


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A line of the shortcut help. Keys that are pressed one after the other stand side by side."""

    does: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShortcutGroup:
    """Shortcuts and the pages, by the names of their addresses, where they work; no names mean everywhere."""

    title: str
    shortcuts: tuple[Shortcut, ...]
    url_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of a project's navigation. `key` is pressed after `g`; a page names its section in its context.

    `switch` is the name of the setting without which its pages are not there.
    """

    label: str
    section: str
    url_name: str
    key: str
    switch: str = ""


@dataclass(frozen=True, slots=True)
class SwitcherEntry:
    """A project one can go to."""

    project: Project
    url: str


@dataclass(frozen=True, slots=True)
class SwitcherGroup:
    """The projects of one organization."""

    organization: Organization
    projects: list[SwitcherEntry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AccountSection:
    """An entry of the account pages' navigation."""

    label: str
    url: str
    is_current: bool


SECTIONS = (
    Section("Overview", "overview", "observability:overview", "o"),
    Section("Traces", "traces", "observability:trace-list", "t"),
    Section("Steps", "steps", "observability:step-list", "s"),
    Section("Reruns", "reruns", "reruns:rerun-list", "r"),
    Section("Debug", "debug", "debugconsole:extension-list", "d", switch="DEBUG_CONSOLE_ENABLED"),
    Section("Errors", "errors", "observability:error-list", "e"),
    Section("Settings", "settings", "observability:settings", "p"),
)

SHORTCUTS = (
    ShortcutGroup(
        "Traces",
        (
            Shortcut("Next, previous row", ("j", "k")),
            Shortcut("Open", ("Enter",)),
            Shortcut("Select the row", ("x",)),
            Shortcut("Select and go on, up or down", ("J", "K")),
            Shortcut("Compare the two selected", ("c",)),
            Shortcut("Delete what is selected", ("#",)),
            Shortcut("Search or filter", ("/",)),
            Shortcut("Show or hide the facets", ("f",)),
            Shortcut("Show new traces", ("n",)),
            Shortcut("Clear the selection", ("Esc",)),
        ),
        ("trace-list",),
    ),
    ShortcutGroup(
        "Trace",
        (
            Shortcut("Next, previous row", ("j", "k")),
            Shortcut("Open the panel", ("Enter",)),
            Shortcut("Close, open an event's children", ("←", "→")),
            Shortcut("Next, previous error", ("e", "E")),
            Shortcut("Find in the trace; next, previous match", ("/", "n", "N")),
            Shortcut("Zoom in, out, to the event, to all", ("+", "-", "z", "0")),
            Shortcut("Open one level less, more", ("<", ">")),
            Shortcut("Critical path", ("c",)),
            Shortcut("Playhead to the last, next event", ("[", "]")),
            Shortcut("Playhead to the last, next error", ("{", "}")),
            Shortcut("Rerun from the playhead", ("r",)),
            Shortcut("Timeline, Flow, Log, Payload, Reruns", ("1", "2", "3", "4", "5")),
            Shortcut("Search", ("/",)),
            Shortcut("Close the panel", ("Esc",)),
        ),
        ("trace-detail",),
    ),
    ShortcutGroup(
        "Flow of a trace",
        (
            Shortcut("Follow the arrows", ("←", "→", "↑", "↓")),
            Shortcut("Next, previous call of a step", ("n", "p")),
            Shortcut("Zoom in, out, show all", ("+", "-", "0")),
            Shortcut("Show which step followed which", ("o",)),
        ),
        ("trace-detail",),
    ),
    ShortcutGroup(
        "Log of a trace",
        (
            Shortcut("Wrap long lines", ("w",)),
            Shortcut("Time of day, or since the start", ("t",)),
            Shortcut("Pause, go on", ("p",)),
            Shortcut("Copy the marked lines, or all", ("c",)),
        ),
        ("trace-detail",),
    ),
    ShortcutGroup(
        "Payload of a trace",
        (
            Shortcut("Find in the value; next, previous match", ("/", "n", "N")),
            Shortcut("Wrap long lines", ("w",)),
        ),
        ("trace-detail",),
    ),
    ShortcutGroup(
        "Reruns",
        (Shortcut("Next, previous row", ("j", "k")), Shortcut("Open", ("Enter",)), Shortcut("Show new reruns", ("n",))),
        ("rerun-list",),
    ),
    ShortcutGroup(
        "Rerun",
        (
            Shortcut("First divergence", ("f",)),
            Shortcut("Next, previous run", ("]", "[")),
            Shortcut("Compare with the source", ("c",)),
        ),
        ("rerun-detail",),
    ),
    ShortcutGroup(
        "Debug console",
        (
            Shortcut("Next, previous line", ("j", "k")),
            Shortcut("Open the line", ("Enter",)),
            Shortcut("Filter", ("/",)),
            Shortcut("Pause, go on", ("p",)),
            Shortcut("To the newest line, and follow", ("End",)),
            Shortcut("Levels from trace to error", ("1", "2", "3", "4", "5")),
            Shortcut("Next, previous warning or error", ("e", "E")),
            Shortcut("All lines of the line's request", ("r",)),
            Shortcut("Highlight words", ("h",)),
            Shortcut("Wrap long lines", ("w",)),
            Shortcut("Local time, or UTC", ("t",)),
            Shortcut("Copy the line, its link", ("c", "l")),
            Shortcut("Why do I see nothing?", ("y",)),
            Shortcut("Close what is open", ("Esc",)),
        ),
        ("debug-console",),
    ),
    ShortcutGroup(
        "Extensions",
        (Shortcut("Next, previous row", ("j", "k")), Shortcut("Debug", ("Enter",))),
        ("extension-list",),
    ),
    ShortcutGroup(
        "Compare",
        (
            Shortcut("Next, previous step", ("j", "k")),
            Shortcut("Next, previous difference", ("n", "p")),
            Shortcut("First divergence", ("f",)),
            Shortcut("Only differences", ("d",)),
            Shortcut("Swap sides", ("s",)),
            Shortcut("Open what differs", ("Enter",)),
        ),
        ("compare",),
    ),
)

_ACCOUNT_PAGES = (
    ("Profile", "observability:account-profile", ("account-profile",)),
    ("Email address", "account_email", ("account_email",)),
    ("Password", "account_change_password", ("account_change_password", "account_set_password")),
    ("Two-factor sign-in", "mfa_index", ("mfa_",)),
    ("Sessions", "usersessions_list", ("usersessions_list",)),
)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor of the frame."""
    switcher: Any = SimpleLazyObject(lambda: list_switcher(request))
    return {
        "theme": get_theme(request),
        "theme_choices": User.Theme.choices,
        "density": get_density(request),
        "density_choices": User.Density.choices,
        "time_zone": get_time_zone(request),
        "has_shortcuts": has_shortcuts(request),
        "switcher": switcher,
        "current_project": SimpleLazyObject(lambda: find_current_project(request, switcher)),
        "account_sections": SimpleLazyObject(lambda: list_account_sections(request)),
        "palette": partial(make_page_palette, request, switcher),
        "sections": list_sections(),
        "shortcuts": SimpleLazyObject(lambda: list_shortcuts(request)),
        "is_signup_open": settings.ACCOUNT_SIGNUP_OPEN and settings.IS_PASSWORD_SIGN_IN,
        "is_password_sign_in": settings.IS_PASSWORD_SIGN_IN,
        "single_sign_on": settings.SINGLE_SIGN_ON,
    }


def list_sections() -> tuple[Section, ...]:
    """Return the sections whose pages are there."""
    return tuple(entry for entry in _list_known_sections() if not entry.switch or getattr(settings, entry.switch))


@cache
def _list_known_sections() -> tuple[Section, ...]:
    return tuple(entry for entry in SECTIONS if find_page(entry.url_name, "organization", "project"))


def list_shortcuts(request: HttpRequest) -> list[ShortcutGroup]:
    """Return what works on the page that is asked for, and what works everywhere."""
    match = request.resolver_match
    url_name = match.url_name if match else ""
    go_to = tuple(Shortcut(f"Go to {entry.label}", ("g", entry.key)) for entry in list_sections())
    everywhere = (*go_to, Shortcut("Undo, as the last message offers", ("u",)), Shortcut("These shortcuts", ("?",)))
    here = (group for group in SHORTCUTS if not group.url_names or url_name in group.url_names)
    return [*here, ShortcutGroup("Everywhere", everywhere)]


def get_theme(request: HttpRequest) -> str:
    """Return the person's theme; before sign-in, the one last chosen in this browser."""
    user = getattr(request, "user", None)
    theme = user.theme if isinstance(user, User) else request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in User.Theme.values else User.Theme.SYSTEM


def get_density(request: HttpRequest) -> str:
    """Return how dense the person likes rows."""
    user = getattr(request, "user", None)
    return user.density if isinstance(user, User) else User.Density.COMPACT


def get_time_zone(request: HttpRequest) -> str:
    """Return the zone the person wants times in; empty means the browser's own."""
    user = getattr(request, "user", None)
    return user.time_zone if isinstance(user, User) else ""


def has_shortcuts(request: HttpRequest) -> bool:
    """Tell whether single keys do something; a person can switch them off."""
    user = getattr(request, "user", None)
    return not isinstance(user, User) or user.shortcuts == User.Shortcuts.ON


def list_switcher(request: HttpRequest) -> list[SwitcherGroup]:
    """Return the person's projects by organization. One query."""
    groups: dict[int, SwitcherGroup] = {}
    if isinstance(request.user, User):
        for access in list_projects_for_user(request.user):
            project = access.project
            group = groups.setdefault(project.organization_id, SwitcherGroup(project.organization))
            url = reverse("observability:overview", args=[project.organization.slug, project.slug])
            group.projects.append(SwitcherEntry(project, url))
    return list(groups.values())


def find_current_project(request: HttpRequest, switcher: list[SwitcherGroup]) -> Project | None:
    """Return the project whose page this is; on pages that belong to none, the one the person had open last."""
    projects = [entry.project for group in switcher for entry in group.projects]
    parts = request.resolver_match.kwargs if request.resolver_match else {}
    if "project_slug" in parts:
        slugs = (parts["org_slug"], parts["project_slug"])
        return next((one for one in projects if (one.organization.slug, one.slug) == slugs), None)
    current = request.session.get(CURRENT_PROJECT)
    return next((one for one in projects if one.pk == current), None)


def make_page_palette(request: HttpRequest, switcher: list[SwitcherGroup]) -> dict[str, Any]:
    """Return what the command palette starts with."""
    assert isinstance(request.user, User)
    project = find_current_project(request, switcher)
    places = [
        *_list_section_places(project),
        *list_project_places(project),
        *(
            {
                "group": "Switch project",
                "label": entry.project.name,
                "detail": group.organization.name,
                "url": entry.url,
            }
            for group in switcher
            for entry in group.projects
            if project is None or entry.project.pk != project.pk
        ),
        *(
            {"group": "Account", "label": one.label, "url": one.url, "icon": "user"}
            for one in list_account_sections(request)
        ),
        *list_common_places(request),
    ]
    return make_palette(request.user, project=project, places=places)


def _list_section_places(project: Project | None) -> Iterator[dict[str, Any]]:
    if project is None:
        return
    for entry in list_sections():
        url = reverse(entry.url_name, args=[project.organization.slug, project.slug])
        yield {"group": "Go to", "label": entry.label, "url": url, "keys": ["g", entry.key], "icon": "right"}


def list_account_sections(request: HttpRequest) -> list[AccountSection]:
    """Return the account pages, the current one marked."""
    current = (request.resolver_match.url_name if request.resolver_match else "") or ""
    return [
        AccountSection(label, reverse(name), is_current=current.startswith(prefixes))
        for label, name, prefixes in _ACCOUNT_PAGES
    ]
