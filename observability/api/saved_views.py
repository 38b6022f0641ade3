"""Saved views of the trace list over REST."""

from __future__ import annotations

from typing import Annotated

import msgspec
from drf_spectacular.utils import extend_schema
from msgspec import UNSET, Meta, UnsetType
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.bodies import read_body
from observability.api.callers import authorize
from observability.api.filters import ProjectFilterSet
from observability.api.views import ERRORS, ReadView
from observability.errors import DeniedError
from observability.models import SavedView
from observability.selectors.access import Caller
from observability.selectors.saved_views import (
    SavedViewItem,
    SavedViewList,
    get_saved_view,
    get_trace_list_choice,
    list_saved_views,
    make_item,
)
from observability.selectors.shapes import Time
from observability.services.saved_views import (
    ViewChange,
    create_saved_view,
    delete_saved_view,
    restore_saved_view,
    set_columns,
    set_default_view,
    update_saved_view,
)

_Name = Annotated[str, Meta(min_length=1, max_length=80)]
_Query = Annotated[str, Meta(max_length=1000, description="In the grammar of the trace list's `q`.")]
_Range = Annotated[str, Meta(max_length=10, description="`15m`, `1h`, `24h`, `7d`, `30d`, `custom`, or empty.")]
_Columns = Annotated[list[str], Meta(max_length=50, description="In order; empty for each person's own.")]


class SavedViewChange(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}
):
    """What to keep of a view; what is left out stays as it is."""

    name: _Name | UnsetType = UNSET
    is_shared: bool | UnsetType = UNSET
    q: _Query | UnsetType = UNSET
    range: _Range | UnsetType = UNSET
    since: Time | None = None
    until: Time | None = None
    columns: _Columns | UnsetType = UNSET
    is_default: Annotated[bool, Meta(description="Open the trace list with it, for yourself.")] | UnsetType = UNSET


class TraceColumns(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The columns of the trace list."""

    columns: Annotated[list[str], Meta(max_length=50, description="In order; empty for the usual ones.")]


class SavedViewListView(ReadView):
    """The views a person has in a project."""

    @extend_schema(
        operation_id="saved_views_list", tags=["saved views"], responses={200: SavedViewList, **ERRORS}, filters=True
    )
    def get(self, request: Request) -> Response:
        """List your saved views and the shared ones, by name. A key sees the shared ones."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(list_saved_views(caller))

    @extend_schema(
        operation_id="saved_views_create",
        tags=["saved views"],
        request=SavedViewChange,
        responses={201: SavedViewItem, **ERRORS},
        filters=True,
    )
    def post(self, request: Request) -> Response:
        """Save a view under a name. Sharing it takes the role engineer; a key cannot save views."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        _require_person(caller)
        body = read_body(request, SavedViewChange)
        view = create_saved_view(caller=caller, change=_make_change(body))
        _set_default(view, body, caller)
        return Response(_show(view, caller), status=201)


class SavedViewDetailView(ReadView):
    """One saved view."""

    @extend_schema(
        operation_id="saved_views_update",
        tags=["saved views"],
        request=SavedViewChange,
        responses={200: SavedViewItem, **ERRORS},
        filters=True,
    )
    def patch(self, request: Request, view_id: int) -> Response:
        """Change what is given. A shared view is changed by who saved it or by an admin; `is_default` is your own."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        _require_person(caller)
        body = read_body(request, SavedViewChange)
        view = get_saved_view(caller, view_id)
        change = _make_change(body)
        if change != ViewChange():
            update_saved_view(view=view, caller=caller, change=change)
        _set_default(view, body, caller)
        return Response(_show(view, caller))

    @extend_schema(
        operation_id="saved_views_delete", tags=["saved views"], responses={204: None, **ERRORS}, filters=True
    )
    def delete(self, request: Request, view_id: int) -> Response:
        """Delete a view; it can be restored for a day."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        _require_person(caller)
        delete_saved_view(view=get_saved_view(caller, view_id), caller=caller)
        return Response(status=204)


class SavedViewRestoreView(ReadView):
    """Taking back a deletion."""

    @extend_schema(
        operation_id="saved_views_restore",
        tags=["saved views"],
        request=None,
        responses={200: SavedViewItem, **ERRORS},
        filters=True,
    )
    def post(self, request: Request, view_id: int) -> Response:
        """Bring a deleted view back, for whoever may delete it."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        _require_person(caller)
        return Response(_show(restore_saved_view(caller=caller, view_id=view_id), caller))


class TraceColumnsView(ReadView):
    """The columns a person chose."""

    @extend_schema(
        operation_id="trace_columns_set",
        tags=["saved views"],
        request=TraceColumns,
        responses={200: TraceColumns, **ERRORS},
        filters=True,
    )
    def put(self, request: Request) -> Response:
        """Keep the columns of your trace list in this project, in order; none for the usual ones."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        _require_person(caller)
        columns = set_columns(caller=caller, columns=read_body(request, TraceColumns).columns)
        return Response(TraceColumns(columns=columns))


def _require_person(caller: Caller) -> None:
    if caller.user is None:
        raise DeniedError("Saved views and columns belong to people: sign in to change them.")


def _make_change(body: SavedViewChange) -> ViewChange:
    given = {
        name: value
        for name in ("name", "is_shared", "q", "range", "columns")
        if (value := getattr(body, name)) is not UNSET
    }
    return ViewChange(since=body.since, until=body.until, **given)


def _set_default(view: SavedView, body: SavedViewChange, caller: Caller) -> None:
    if body.is_default is UNSET:
        return
    if body.is_default:
        set_default_view(caller=caller, view=view)
    elif get_trace_list_choice(caller).default_view_id == view.pk:
        set_default_view(caller=caller, view=None)


def _show(view: SavedView, caller: Caller) -> SavedViewItem:
    return make_item(view, caller, default_id=get_trace_list_choice(caller).default_view_id)
