"""Traces over REST. Each view authorises, reads its parameters, and calls one selector or service."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api import examples
from observability.api.callers import authorize
from observability.api.filters import (
    NewerTracesFilterSet,
    ProjectFilterSet,
    TraceListFilterSet,
    make_trace_filters,
)
from observability.api.views import ERRORS, ReadView
from observability.models import Role, Scope
from observability.selectors.shapes import NewerTraces, TracePage, TraceSummary
from observability.selectors.traces import count_newer_traces, get_trace, list_traces
from observability.services.purge import delete_trace


class TraceListView(ReadView):
    """The list of traces."""

    filterset_class = TraceListFilterSet

    @extend_schema(
        operation_id="traces_list",
        tags=["traces"],
        responses={200: TracePage, **ERRORS},
        filters=True,
        examples=[examples.TRACES],
    )
    def get(self, request: Request) -> Response:
        """List traces, newest start first.

        Paging is by key: rows that arrive meanwhile neither repeat nor hide any. Rare combinations of filters are
        looked for within a time budget; then `is_partial` is true and the cursor goes on from where it stopped.
        """
        caller = authorize(request)
        values = TraceListFilterSet.read(request)
        page = list_traces(
            caller.project_id,
            filters=make_trace_filters(values),
            cursor=values.get("cursor"),
            limit=values.get("limit", 50),
        )
        return Response(page)


class NewerTracesView(ReadView):
    """The number behind "12 new"."""

    filterset_class = NewerTracesFilterSet

    @extend_schema(
        operation_id="traces_count_newer", tags=["traces"], responses={200: NewerTraces, **ERRORS}, filters=True
    )
    def get(self, request: Request) -> Response:
        """Count the traces that match the filters and have started since a page of the list was read."""
        caller = authorize(request)
        values = NewerTracesFilterSet.read(request)
        newer = count_newer_traces(
            caller.project_id, filters=make_trace_filters(values), newer_than=values.get("newer_than", "")
        )
        return Response(newer)


class TraceDetailView(ReadView):
    """One trace."""

    @extend_schema(
        operation_id="traces_get",
        tags=["traces"],
        responses={200: TraceSummary, **ERRORS},
        filters=True,
        examples=[examples.TRACE],
    )
    def get(self, request: Request, trace_id: str) -> Response:
        """Return one trace."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(get_trace(caller.project_id, trace_id))

    @extend_schema(operation_id="traces_delete", tags=["traces"], responses={204: None, **ERRORS}, filters=True)
    def delete(self, request: Request, trace_id: str) -> Response:
        """Delete a trace. It is hidden at once and purged in the background; what is still sent of it is refused.

        Takes a key with the scope `admin`, or the role engineer.
        """
        caller = authorize(request, scope=Scope.ADMIN, minimum_role=Role.ENGINEER)
        ProjectFilterSet.read(request)
        delete_trace(project_id=caller.project_id, trace_id=trace_id)
        return Response(status=204)
