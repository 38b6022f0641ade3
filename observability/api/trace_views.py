"""Traces and their events over REST. Each view authorises, reads its parameters, and calls one selector."""

from __future__ import annotations

from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.filters import (
    EventListFilterSet,
    NewerTracesFilterSet,
    ProjectFilterSet,
    TraceListFilterSet,
    make_event_window,
    make_trace_filters,
)
from observability.api.renderers import StructRenderer
from observability.models import Trace
from observability.selectors.events import list_events
from observability.selectors.shapes import EventPage, NewerTraces, TracePage, TraceSummary
from observability.selectors.traces import count_newer_traces, get_trace, list_traces


class TraceView(GenericAPIView[Trace]):
    """What the views of traces share: their parameters are described by a filter set."""

    queryset = Trace.objects.none()
    renderer_classes = (StructRenderer,)
    filter_backends = (DjangoFilterBackend,)
    filterset_class: type[ProjectFilterSet] = ProjectFilterSet


class TraceListView(TraceView):
    """The list of traces."""

    filterset_class = TraceListFilterSet

    @extend_schema(operation_id="traces_list", tags=["traces"], responses=TracePage, filters=True)
    def get(self, request: Request) -> Response:
        """List traces, newest start first, by keyset paging: rows that arrive meanwhile move no page."""
        caller = authorize(request)
        values = TraceListFilterSet.read(request)
        page = list_traces(
            caller.project_id,
            filters=make_trace_filters(values),
            cursor=values.get("cursor"),
            limit=values.get("limit", 50),
        )
        return Response(page)


class NewerTracesView(TraceView):
    """The number behind "12 new"."""

    filterset_class = NewerTracesFilterSet

    @extend_schema(operation_id="traces_count_newer", tags=["traces"], responses=NewerTraces, filters=True)
    def get(self, request: Request) -> Response:
        """Count the traces that match the filters and have started since a page of the list was read."""
        caller = authorize(request)
        values = NewerTracesFilterSet.read(request)
        newer = count_newer_traces(
            caller.project_id, filters=make_trace_filters(values), newer_than=values.get("newer_than", "")
        )
        return Response(newer)


class TraceDetailView(TraceView):
    """One trace."""

    @extend_schema(operation_id="traces_get", tags=["traces"], responses=TraceSummary, filters=True)
    def get(self, request: Request, trace_id: str) -> Response:
        """Return one trace. A deleted one is not found from the moment of its deletion."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(get_trace(caller.project_id, trace_id))


class EventListView(TraceView):
    """The events of a trace."""

    filterset_class = EventListFilterSet

    @extend_schema(operation_id="events_list", tags=["events"], responses=EventPage, filters=True)
    def get(self, request: Request, trace_id: str) -> Response:
        """List events by start, windowed by time, depth and cursor.

        `from` and `to` keep what overlaps that time. Events an SDK sent without a trace id appear in the run they are
        inferred to belong to, marked `inferred`.
        """
        caller = authorize(request)
        values = EventListFilterSet.read(request)
        page = list_events(
            caller.project_id,
            get_trace(caller.project_id, trace_id),
            window=make_event_window(values),
            cursor=values.get("cursor"),
            limit=values.get("limit", 1000),
            has_previews=values.get("previews", True),
        )
        return Response(page)
