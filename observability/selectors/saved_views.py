"""Reads of the saved views that a person has in a project."""

from __future__ import annotations

from typing import Annotated

import msgspec
from django.db.models import Q, QuerySet
from msgspec import Meta

from observability.errors import NotFoundError
from observability.models import Role, SavedView, Scope, TraceListChoice
from observability.selectors.access import Caller
from observability.selectors.shapes import Time


class SavedViewItem(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """A query, a time range and columns under a name."""

    id: int
    name: str
    is_shared: Annotated[bool, Meta(description="Everybody in the project sees it.")]
    is_default: Annotated[bool, Meta(description="The trace list opens with it, for the person who asks.")]
    is_changeable: Annotated[bool, Meta(description="The person who asks may rename, change and delete it.")]
    owner: Annotated[str, Meta(description="The name of whoever saved it.")]
    q: str
    range: Annotated[str, Meta(description="A named time range, `custom`, or empty for any time.")]
    since: Time | None
    until: Time | None
    columns: Annotated[list[str], Meta(description="In order; empty for each person's own.")]


class SavedViewList(msgspec.Struct, frozen=True, kw_only=True):
    """The views that the caller sees: their own and the shared ones, by name."""

    items: list[SavedViewItem]


def list_saved_views(caller: Caller) -> SavedViewList:
    """Return the views the caller sees, by name; a key sees the shared ones. Two queries."""
    default_id = get_trace_list_choice(caller).default_view_id
    views = _visible(caller).select_related("owner").order_by("name", "pk")
    return SavedViewList(items=[make_item(view, caller, default_id=default_id) for view in views])


def get_saved_view(caller: Caller, view_id: int) -> SavedView:
    """Return a view that the caller sees, with its owner. One query. Raises `NotFoundError`."""
    view = _visible(caller).select_related("owner").filter(pk=view_id).first()
    if view is None:
        raise NotFoundError("No such saved view.")
    return view


def get_trace_list_choice(caller: Caller) -> TraceListChoice:
    """Return how the person likes the list, unsaved if they never chose. One query; none for a key."""
    found = None
    if caller.user is not None:
        found = TraceListChoice.objects.filter(user=caller.user, project_id=caller.project_id).first()
    return found or TraceListChoice(user=caller.user, project_id=caller.project_id)


def may_change_view(view: SavedView, caller: Caller) -> bool:
    """Say whether the caller may change the view: it is theirs, or shared and they are an admin."""
    if caller.user is None or caller.role is None:
        return False
    return view.owner_id == caller.user.pk or (
        view.is_shared and caller.may(scope=Scope.ADMIN, minimum_role=Role.ADMIN)
    )


def make_item(view: SavedView, caller: Caller, *, default_id: int | None) -> SavedViewItem:
    """Return the view as the caller sees it."""
    return SavedViewItem(
        id=view.pk,
        name=view.name,
        is_shared=view.is_shared,
        is_default=view.pk == default_id,
        is_changeable=may_change_view(view, caller),
        owner=view.owner.get_short_name(),
        q=view.q,
        range=view.range,
        since=view.since,
        until=view.until,
        columns=list(view.columns),
    )


def _visible(caller: Caller) -> QuerySet[SavedView]:
    seen = Q(is_shared=True) if caller.user is None else Q(is_shared=True) | Q(owner=caller.user)
    return SavedView.objects.filter(seen, project_id=caller.project_id, deleted_at=None)
