"""What is done with many traces at once, over REST: export, delete, restore."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from msgspec import Meta
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api import examples
from observability.api.bodies import read_body
from observability.api.callers import authorize
from observability.api.filters import ProjectFilterSet, TraceExportFilterSet, make_trace_filters
from observability.api.streams import AnyNegotiation, stream_file
from observability.api.views import ERRORS, ReadView
from observability.errors import NotFoundError
from observability.models import Role, Scope
from observability.selectors.access import Caller
from observability.selectors.trace_export import MOST_ROWS, export_csv, export_ndjson
from observability.services.purge import delete_trace, restore_traces

MOST_TRACES = 500

_Id = Annotated[str, Meta(min_length=1, max_length=500)]


class TraceIds(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Some traces."""

    trace_ids: Annotated[list[_Id], Meta(min_length=1, max_length=MOST_TRACES)]


class TraceResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one trace."""

    trace_id: str
    result: Annotated[
        Literal["deleted", "restored", "not_found"],
        Meta(description="`not_found`: there is none, or it was deleted before (to restore: is being purged already)."),
    ]


class TraceResults(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each trace, in the order asked for, each once."""

    items: list[TraceResult]
    done: Annotated[int, Meta(description="How many of them were deleted, or restored.")]


class TraceExportView(ReadView):
    """Matching traces as a file."""

    filterset_class = TraceExportFilterSet
    content_negotiation_class = AnyNegotiation

    @extend_schema(
        operation_id="traces_export",
        tags=["traces"],
        responses={
            (200, "application/x-ndjson"): OpenApiResponse(
                OpenApiTypes.STR,
                description='One trace a line; the last line says whether that is all: `{"export": {...}}`.',
            ),
            (200, "text/csv"): OpenApiResponse(
                OpenApiTypes.STR,
                description="A line of names, then one trace a line; `# cut off` ends what is not all.",
            ),
            **ERRORS,
        },
        filters=True,
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Stream the matching traces, newest first, as NDJSON or CSV.

        NDJSON has the fields of the list, and with `events=true` the events of each trace. At most 50,000 traces in
        one file; the last line then has the cursor to go on from.
        """
        caller = authorize(request)
        values = TraceExportFilterSet.read(request)
        has_events = values.get("events", False)
        form = values.get("format", "ndjson")
        if has_events and form == "csv":
            raise ValidationError({"events": ["Events fit into NDJSON alone: leave out format=csv."]})
        given = {
            "filters": make_trace_filters(values),
            "cursor": values.get("cursor"),
            "limit": values.get("limit", MOST_ROWS),
        }
        name = f"traces-{timezone.now():%Y%m%dT%H%M%SZ}.{form}"
        if form == "csv":
            pieces = export_csv(caller.project_id, **given)
            return stream_file(request, pieces, content_type="text/csv; charset=utf-8; header=present", name=name)
        pieces = export_ndjson(caller.project_id, **given, has_events=has_events)
        return stream_file(request, pieces, content_type="application/x-ndjson", name=name)


class TracesDeleteView(ReadView):
    """Deletes many traces."""

    @extend_schema(
        operation_id="traces_delete_many",
        tags=["traces"],
        request=TraceIds,
        responses={200: TraceResults, **ERRORS},
        filters=True,
        examples=[examples.TRACE_IDS, examples.DELETED],
    )
    def post(self, request: Request) -> Response:
        """Delete up to 500 traces. They are hidden at once and purged half a minute later, until when they can be
        restored. Takes a key with the scope `admin`, or the role engineer.
        """
        caller = _authorize(request)
        ids = list(dict.fromkeys(read_body(request, TraceIds).trace_ids))
        items = [TraceResult(trace_id=one, result="deleted" if _delete(caller, one) else "not_found") for one in ids]
        return Response(_make_results(items))


class TracesRestoreView(ReadView):
    """Takes back a deletion."""

    @extend_schema(
        operation_id="traces_restore_many",
        tags=["traces"],
        request=TraceIds,
        responses={200: TraceResults, **ERRORS},
        filters=True,
        examples=[examples.TRACE_IDS, examples.RESTORED],
    )
    def post(self, request: Request) -> Response:
        """Restore up to 500 deleted traces, as long as their purge has not begun.

        Takes a key with the scope `admin`, or the role engineer.
        """
        caller = _authorize(request)
        ids = list(dict.fromkeys(read_body(request, TraceIds).trace_ids))
        usable = [one for one in ids if "\x00" not in one]
        restored = set(restore_traces(project_id=caller.project_id, trace_ids=usable))
        items = [TraceResult(trace_id=one, result="restored" if one in restored else "not_found") for one in ids]
        return Response(_make_results(items))


def _authorize(request: Request) -> Caller:
    caller = authorize(request, scope=Scope.ADMIN, minimum_role=Role.ENGINEER)
    ProjectFilterSet.read(request)
    return caller


def _delete(caller: Caller, trace_id: str) -> bool:
    """Delete one trace in a transaction of its own. No id that Postgres can hold has NUL."""
    if "\x00" in trace_id:
        return False
    try:
        delete_trace(project_id=caller.project_id, trace_id=trace_id)
    except NotFoundError:
        return False
    return True


def _make_results(items: list[TraceResult]) -> TraceResults:
    return TraceResults(items=items, done=sum(item.result != "not_found" for item in items))
