"""Who asks for debug output: a person signed in, or one who acts through an API key of theirs.

A key with the scopes `read` and `debug` acts for the person who made it, with that person's role of the moment, and
sees extensions of its own project alone. Every interface asks here first, Django's and those before Django alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from debugconsole.errors import ConsoleOffError, UnknownCallerError
from observability.errors import DeniedError
from observability.ingest.credentials import read_key
from observability.models import ApiKey, Scope, User
from observability.services.keys import KeyIdentity, check_key

_SCOPES = (Scope.READ, Scope.DEBUG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """A person, and the key they act through with the one project it keeps them to."""

    user: User
    project_id: int | None = None
    key_id: int | None = None

    @property
    def is_key(self) -> bool:
        """Whether a key acts for the person."""
        return self.project_id is not None


def find_viewer(*, user: object, key: KeyIdentity | None) -> Watcher:
    """Return who looks: the key's maker, or without a key the signed-in person. One query for a key.

    Raises `ConsoleOffError`, `UnknownCallerError` for nobody, and `DeniedError` for a key that lacks a scope or whose
    maker is gone.
    """
    if not settings.DEBUG_CONSOLE_ENABLED:
        raise ConsoleOffError("No such page.")
    if key is not None:
        return _find_maker(key)
    if isinstance(user, User) and user.is_active:
        return Watcher(user=user)
    raise UnknownCallerError("Sign in, or send an API key.")


def find_viewer_by_headers(*, user: object, headers: Iterable[tuple[bytes, bytes]]) -> Watcher:
    """As `find_viewer`, from what ASGI gives: the headers, and the user that the session's middleware found.

    A key beside a session counts, as in the API. It is remembered for a few seconds; call from a thread.
    """
    if not settings.DEBUG_CONSOLE_ENABLED:
        raise ConsoleOffError("No such page.")
    text = read_key(headers)
    key = None if text is None else check_key(text)
    if text is not None and key is None:
        raise UnknownCallerError("The API key is unknown, expired or revoked.")
    return find_viewer(user=user, key=key)


def _find_maker(key: KeyIdentity) -> Watcher:
    for scope in _SCOPES:
        if scope not in key.scopes:
            raise DeniedError(f"The API key lacks the scope `{scope.value}`.")
    made = ApiKey.objects.select_related("created_by").filter(pk=key.key_id).first()
    maker = None if made is None else made.created_by
    if maker is None or not maker.is_active:
        raise DeniedError("The API key acts for the person who made it, and that person is gone: make another.")
    return Watcher(user=maker, project_id=key.project_id, key_id=key.key_id)
