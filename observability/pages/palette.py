"""What the command palette knows when a page arrives; what a page can do is registered by its scripts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, Resolver404, resolve, reverse

from observability.models import Project, User

API = "/api/observability"
_PROJECT_PAGES = (
    ("Settings: API keys", "settings-keys", "key"),
    ("Settings: Quickstart", "settings-quickstart", "node"),
    ("Settings: Where is my trace?", "settings-where", "search"),
    ("Settings: Capture and redaction", "settings-capture", "hidden"),
    ("Settings: Dialect coverage", "settings-coverage", "span"),
    ("Settings: Members", "settings-members", "user"),
    ("Settings: Project", "settings-general", "tool"),
    ("Settings: Organization", "settings-organization", "logo"),
    ("Ingest health", "ingest-health", "up"),
    ("Compare two traces", "compare", "compare"),
    ("Connected SDKs", "reruns:sdk-sessions", "node"),
)


def make_palette(user: User, *, project: Project | None, places: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what goes into the page for the palette's script: addresses, places to go to, and who asks.

    `person` parts what several people of one browser used last.
    """
    return {
        "person": user.pk,
        "project": project.pk if project else None,
        "jump_url": _find_api("jump"),
        "views_url": _find_api("saved-views") if project else "",
        "search_url": reverse("observability:trace-list", args=_get_slugs(project)) if project else "",
        "places": places,
    }


def list_project_places(project: Project | None) -> Iterator[dict[str, Any]]:
    """Yield the pages of a project that are in no navigation bar."""
    if project is None:
        return
    for label, name, icon in _PROJECT_PAGES:
        url = find_page(name if ":" in name else f"observability:{name}", *_get_slugs(project))
        yield {"group": "Go to", "label": label, "url": url, "icon": icon, "words": "project administration"}


def list_common_places(request: HttpRequest) -> Iterator[dict[str, Any]]:
    """Yield what lies outside projects."""
    yield {"group": "Help", "label": "API reference", "url": reverse("api-docs"), "icon": "log"}
    if isinstance(request.user, User) and request.user.is_staff:
        yield {"group": "Go to", "label": "Administration", "url": reverse("admin:index"), "icon": "tool"}


def find_page(url_name: str, *arguments: str) -> str:
    """Return the address of a page, or "" when there is none of this name."""
    try:
        return reverse(url_name, args=arguments)
    except NoReverseMatch:
        return ""


@cache
def _find_api(name: str) -> str:
    """Return the address of an endpoint, or "" when it does not exist: whatever is unknown there has no name."""
    address = f"{API}/{name}"
    try:
        return address if resolve(address).url_name else ""
    except Resolver404:
        return ""


def _get_slugs(project: Project) -> list[str]:
    return [project.organization.slug, project.slug]
