"""Saved views of the trace list: save, change, delete and take back; and what a person chose for the list."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from observability.errors import DeniedError, InvalidError, NotFoundError
from observability.models import Role, SavedView, Scope, TraceListChoice, User
from observability.query import parse_query
from observability.selectors.access import Caller
from observability.selectors.saved_views import may_change_view
from observability.selectors.trace_columns import check_columns

MOST_VIEWS = 200
RANGES = ("", "15m", "1h", "24h", "7d", "30d", "custom")
YEARS = range(1970, 2200)
"""Those of times that can be asked for: beyond lie times that Python cannot read back, or reckon with."""
_KEPT_AFTER_DELETION = timedelta(days=1)
_MOST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewChange:
    """What to change of a view; None leaves it. `since` and `until` go with `range`."""

    name: str | None = None
    is_shared: bool | None = None
    q: str | None = None
    range: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    columns: list[str] | None = None


def create_saved_view(*, caller: Caller, change: ViewChange) -> SavedView:
    """Save a view of the person. Raises `InvalidError` naming the field, `DeniedError` to share without the role."""
    if caller.user is None:
        raise DeniedError("A saved view belongs to a person: sign in to save one.")
    view = SavedView(project_id=caller.project_id, owner=caller.user)
    if SavedView.objects.filter(project_id=caller.project_id, owner=caller.user, deleted_at=None).count() >= MOST_VIEWS:
        raise InvalidError(f"name: a person has at most {MOST_VIEWS} views; delete one first")
    _apply(view, change, caller)
    _save(view)
    return view


def update_saved_view(*, view: SavedView, caller: Caller, change: ViewChange) -> SavedView:
    """Change a view. Raises `InvalidError` naming the field, `DeniedError` for whoever may not."""
    _require_change(view, caller)
    _apply(view, change, caller)
    _save(view)
    return view


@transaction.atomic
def delete_saved_view(*, view: SavedView, caller: Caller) -> None:
    """Take the view out of every menu. It can be restored for a day. Raises `DeniedError` for whoever may not."""
    _require_change(view, caller)
    now = timezone.now()
    SavedView.objects.filter(project_id=view.project_id, deleted_at__lt=now - _KEPT_AFTER_DELETION).delete()
    view.deleted_at = now
    view.save(update_fields=["deleted_at"])


def restore_saved_view(*, caller: Caller, view_id: int) -> SavedView:
    """Bring back a view that was deleted; one that is there stays. Raises `NotFoundError`, also for a foreign one.

    Raises `InvalidError` when its name was taken meanwhile.
    """
    view = SavedView.objects.select_related("owner").filter(project_id=caller.project_id, pk=view_id).first()
    if view is None or not may_change_view(view, caller):
        raise NotFoundError("No such saved view.")
    view.deleted_at = None
    _save(view)
    return view


def set_default_view(*, caller: Caller, view: SavedView | None) -> None:
    """Have the person's trace list open with this view, or with none."""
    _choose(caller, default_view=view)


def set_columns(*, caller: Caller, columns: list[str]) -> list[str]:
    """Keep the columns the person chose, and return them; none means the usual ones. Raises `InvalidError`."""
    checked = check_columns(columns)
    _choose(caller, columns=checked)
    return checked


def _choose(caller: Caller, **values: Any) -> None:
    user: User | None = caller.user
    if user is None:
        raise DeniedError("A key has no choices of its own: sign in.")
    TraceListChoice.objects.update_or_create(user=user, project_id=caller.project_id, defaults=values)


def _require_change(view: SavedView, caller: Caller) -> None:
    if not may_change_view(view, caller):
        raise DeniedError("A shared view is changed by who saved it or by an admin. Save a copy of your own instead.")


def _apply(view: SavedView, change: ViewChange, caller: Caller) -> None:
    given = {field.name: getattr(change, field.name) for field in fields(change)}
    if change.range is not None:
        view.since, view.until = change.since, change.until
    for name in ("name", "is_shared", "q", "range", "columns"):
        if given[name] is not None:
            setattr(view, name, given[name])
    view.name, view.q = view.name.strip(), view.q.strip()
    view.columns = check_columns(view.columns)
    _check(view)
    if change.is_shared and not caller.may(scope=Scope.ADMIN, minimum_role=Role.ENGINEER):
        raise DeniedError("Sharing a view takes the role engineer; save it for yourself.")


def _check(view: SavedView) -> None:
    if not 0 < len(view.name) <= _MOST_NAME or "\x00" in view.name:
        raise InvalidError(f"name: give 1 to {_MOST_NAME} characters, without NUL")
    # Also what is too long or holds NUL is refused there, with its place.
    parse_query(view.q)
    if view.range not in RANGES:
        raise InvalidError(f"range: choose from {', '.join(RANGES[1:])}")
    if view.range != "custom":
        view.since = view.until = None
    for name, moment in (("from", view.since), ("to", view.until)):
        if moment and moment.year not in YEARS:
            raise InvalidError(f"{name}: give a time from {YEARS[0]} to {YEARS[-1]}")
    if view.since and view.until and view.since >= view.until:
        raise InvalidError("to: must be later than from")


def _save(view: SavedView) -> None:
    view.updated_at = timezone.now()
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        kind = "shared view" if view.is_shared else "view of yours"
        raise InvalidError(f"name: there is a {kind} named {view.name!r} already") from error
