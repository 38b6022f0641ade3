"""Who opens a socket: an SDK by its key, or a person by the session cookie of the pages."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.http import HttpRequest
from django.http.request import validate_host

from observability.ingest.credentials import read_key
from observability.models import User
from observability.selectors.access import get_caller_of_user


def read_socket_key(environ: dict[str, Any], auth: dict[str, Any]) -> str | None:
    """Return the key text of `auth.apiKey`, else of the headers every door takes it from; None when there is none."""
    given = auth.get("apiKey")
    if isinstance(given, str) and given:
        return given
    headers = [
        (name[5:].lower().replace("_", "-").encode(), value.encode("latin-1", "replace"))
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    ]
    return read_key(headers)


def find_viewer(cookie: str, project: object) -> int | None:
    """Return the project a signed-in person watches; None when nobody is signed in.

    `project` is its number or `<organization>/<project>`, and may be absent for somebody who has one. Raises
    `NotFoundError` for a foreign one, and `InvalidError` when it has to be named. Two or three queries.
    """
    user = _find_user(cookie)
    if user is None:
        return None
    chosen = str(project) if isinstance(project, (int, str)) and project != "" else None
    return get_caller_of_user(user, chosen=chosen, current_id=None).project_id


def is_allowed_origin(origin: str | None, environ: dict[str, Any]) -> bool:
    """Say whether a page of this origin may open a socket: one of our own hosts, as for the pages' WebSocket.

    What is no page has no origin, and is not asked about but for headers that it does not need.
    """
    if not origin:
        return False
    return validate_host(urlsplit(origin).netloc.rpartition("@")[2].rsplit(":", 1)[0].lower(), settings.ALLOWED_HOSTS)


def _find_user(cookie: str) -> User | None:
    """Return who is signed in with a Cookie header, as Django's own middleware would."""
    try:
        found = SimpleCookie(cookie).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    if found is None:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(found.value)
    if SESSION_KEY not in request.session:
        return None
    user = get_user(request)
    return user if isinstance(user, User) else None
