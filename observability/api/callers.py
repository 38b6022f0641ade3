"""From a request to the caller it comes from: a key, or a person in one of their projects."""

from __future__ import annotations

from rest_framework.request import Request

from observability.models import Role, Scope, User
from observability.selectors.access import Caller, get_caller_of_key, get_caller_of_user
from observability.services.keys import KeyIdentity

CURRENT_PROJECT = "current_project_id"
"""Session key under which the pages keep the project a person has open."""


def authorize(request: Request, *, scope: Scope = Scope.READ, minimum_role: Role = Role.VIEWER) -> Caller:
    """Return who calls, once it is sure that they may: every view's first line.

    Raises `NotFoundError` for a project that is not theirs, `DeniedError` without the scope or role, and
    `InvalidError` when a person has several projects and named none.
    """
    caller = _identify(request)
    caller.require(scope=scope, minimum_role=minimum_role)
    return caller


def _identify(request: Request) -> Caller:
    chosen = request.query_params.get("project") or None
    if isinstance(request.auth, KeyIdentity):
        return get_caller_of_key(request.auth, chosen=chosen)
    user = request.user
    # IsAuthenticated has let only people and keys through.
    assert isinstance(user, User)
    return get_caller_of_user(user, chosen=chosen, current_id=request.session.get(CURRENT_PROJECT))
