"""Leave to watch for a while, over REST: asked for by one person, decided on by another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import msgspec
from drf_spectacular.utils import OpenApiResponse, extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from debugconsole.api import examples
from debugconsole.api.bodies import ExtensionName
from debugconsole.api.shapes import ExtensionItem, describe_extension
from debugconsole.api.views import ERRORS, TOO_OFTEN, UNAVAILABLE, BareFilterSet, DebugView
from debugconsole.models import DebugGrant
from debugconsole.selectors.grants import (
    get_extension_to_ask_for,
    get_grant_for_viewer,
    list_decided_projects,
    list_given_grants,
    list_grants_to_decide,
    list_own_grants,
)
from debugconsole.selectors.watchers import Watcher
from debugconsole.services.grants import MOST_HOURS, approve_grant, refuse_grant, request_grant, revoke_grant
from observability.api.bodies import read_body
from observability.api.errors import ApiError
from observability.api.fields import choice_parameter
from observability.errors import DeniedError
from observability.models import User
from observability.selectors.shapes import Time

_DECIDED = {409: OpenApiResponse(ApiError, description="It was decided on before.", examples=[examples.DECIDED])}
_LISTS: dict[str, Callable[[Watcher], list[DebugGrant]]] = {
    "mine": list_own_grants,
    "to_decide": list_grants_to_decide,
    "given": list_given_grants,
}


class GrantBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What somebody wants to look at, and why."""

    extension: ExtensionName
    reason: Annotated[str, Meta(min_length=1, max_length=300, description="What you are looking for.")]
    minutes: Annotated[int, Meta(ge=1, le=MOST_HOURS * 60, description="From when it is given, or `not_before`.")] = 60
    install: Annotated[str, Meta(max_length=200, description="Only this install.")] = ""
    ticket: Annotated[str, Meta(max_length=100, description="Where the case is kept.")] = ""
    not_before: Annotated[datetime, Meta(tz=True)] | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody."""

    id: int
    name: str
    email: str


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Leave to watch one extension for a while."""

    id: int
    extension: ExtensionItem
    install: str
    reason: str
    ticket: str
    state: Annotated[
        str, Meta(description="`requested`, `refused`, `revoked`, `expired`, `waiting` for its time, or `active`.")
    ]
    may_decide: Annotated[bool, Meta(description="Whether you may approve or refuse it.")]
    may_revoke: bool
    requested_by: Person
    requested_at: Time
    not_before: Time
    expires_at: Time
    decided_by: Person | None
    decided_at: Time | None
    revoked_by: Person | None
    revoked_at: Time | None


class Grants(msgspec.Struct, frozen=True, kw_only=True):
    """Some grants, newest first."""

    items: list[Grant]


class GrantFilterSet(BareFilterSet):
    """Which grants."""

    of = choice_parameter(
        "`mine` (if absent): what you asked for; `to_decide`: what waits for you; `given`: what holds.",
        tuple(_LISTS),
    )


class GrantList(DebugView):
    """Grants."""

    filterset_class = GrantFilterSet

    @extend_schema(
        operation_id="debug_grants_list",
        tags=["debug"],
        responses={200: Grants, **ERRORS},
        filters=True,
        examples=[examples.GRANTS],
    )
    def get(self, request: Request) -> Response:
        """List the grants you asked for, or those that wait for you to decide, or those you may take away."""
        watcher = self.find_watcher(request)
        list_grants = _LISTS[GrantFilterSet.read(request).get("of", "mine")]
        return Response(Grants(items=_describe_all(watcher, list_grants(watcher))))

    @extend_schema(
        operation_id="debug_grants_create",
        tags=["debug"],
        request=GrantBody,
        responses={201: Grant, **ERRORS, **TOO_OFTEN, **UNAVAILABLE},
        filters=True,
        examples=[examples.GRANT_BODY, examples.GRANT_CREATED],
    )
    def post(self, request: Request) -> Response:
        """Ask for leave to watch an extension. Another person decides: an admin of its project."""
        watcher = self.find_watcher(request)
        body = read_body(request, GrantBody)
        grant = request_grant(
            extension=get_extension_to_ask_for(watcher, body.extension),
            requested_by=watcher.user,
            reason=body.reason,
            minutes=body.minutes,
            install_id=body.install,
            ticket=body.ticket,
            not_before=body.not_before,
        )
        return Response(_describe(watcher, grant), status=201)


class GrantView(DebugView):
    """One grant."""

    @extend_schema(
        operation_id="debug_grants_retrieve",
        tags=["debug"],
        responses={200: Grant, **ERRORS},
        filters=True,
        examples=[examples.GRANT],
    )
    def get(self, request: Request, grant_id: int) -> Response:
        """Return a grant that you asked for or may decide on."""
        watcher = self.find_watcher(request)
        return Response(_describe(watcher, get_grant_for_viewer(watcher, grant_id)))


class GrantApproval(DebugView):
    """Gives leave."""

    @extend_schema(
        operation_id="debug_grants_approve",
        tags=["debug"],
        request=None,
        responses={200: Grant, **ERRORS, **_DECIDED, **UNAVAILABLE},
        filters=True,
        examples=[examples.GRANT],
    )
    def post(self, request: Request, grant_id: int) -> Response:
        """Give leave, from now on. Takes the role admin of the project, and another person than who asked; no key."""
        watcher = self.find_watcher(request)
        grant = get_grant_for_viewer(watcher, grant_id)
        approve_grant(grant=grant, approved_by=_require_person(watcher))
        return Response(_describe(watcher, get_grant_for_viewer(watcher, grant_id)))


class GrantRefusal(DebugView):
    """Refuses leave."""

    @extend_schema(
        operation_id="debug_grants_refuse",
        tags=["debug"],
        request=None,
        responses={200: Grant, **ERRORS, **_DECIDED, **UNAVAILABLE},
        filters=True,
        examples=[examples.GRANT],
    )
    def post(self, request: Request, grant_id: int) -> Response:
        """Refuse leave. Takes the role admin of the project, and a person; no key."""
        watcher = self.find_watcher(request)
        grant = get_grant_for_viewer(watcher, grant_id)
        refuse_grant(grant=grant, refused_by=_require_person(watcher))
        return Response(_describe(watcher, get_grant_for_viewer(watcher, grant_id)))


class GrantRevocation(DebugView):
    """Takes leave away."""

    @extend_schema(
        operation_id="debug_grants_revoke",
        tags=["debug"],
        request=None,
        responses={200: Grant, **ERRORS, **UNAVAILABLE},
        filters=True,
        examples=[examples.GRANT],
    )
    def post(self, request: Request, grant_id: int) -> Response:
        """Take leave away, or back: who watches by it is stopped within seconds. Again changes nothing."""
        watcher = self.find_watcher(request)
        revoke_grant(grant=get_grant_for_viewer(watcher, grant_id), revoked_by=watcher.user)
        return Response(_describe(watcher, get_grant_for_viewer(watcher, grant_id)))


def _require_person(watcher: Watcher) -> User:
    if watcher.is_key:
        raise DeniedError("A person decides on grants: sign in.")
    return watcher.user


def _describe(watcher: Watcher, grant: DebugGrant) -> Grant:
    return _describe_all(watcher, [grant])[0]


def _describe_all(watcher: Watcher, grants: list[DebugGrant]) -> list[Grant]:
    decided = list_decided_projects(watcher)
    return [_describe_one(grant, watcher, is_decider=grant.extension.project_id in decided) for grant in grants]


def _describe_one(grant: DebugGrant, watcher: Watcher, *, is_decider: bool) -> Grant:
    state, is_own = grant.state, grant.requested_by_id == watcher.user.pk
    return Grant(
        id=grant.pk,
        extension=describe_extension(grant.extension),
        install=grant.install_id,
        reason=grant.reason,
        ticket=grant.ticket,
        state=state,
        may_decide=state == "requested" and is_decider and not is_own and not watcher.is_key,
        may_revoke=state in ("requested", "waiting", "active") and (is_decider or is_own),
        requested_by=_describe_person(grant.requested_by),
        requested_at=grant.requested_at,
        not_before=grant.not_before,
        expires_at=grant.expires_at,
        decided_by=_describe_other(grant.approved_by or grant.refused_by),
        decided_at=grant.approved_at or grant.refused_at,
        revoked_by=_describe_other(grant.revoked_by),
        revoked_at=grant.revoked_at,
    )


def _describe_person(user: User) -> Person:
    return Person(id=user.pk, name=user.name, email=user.email)


def _describe_other(user: User | None) -> Person | None:
    return None if user is None else _describe_person(user)
