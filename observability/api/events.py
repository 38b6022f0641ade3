"""Events and log records of a trace over REST."""

from __future__ import annotations

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api import examples
from observability.api.callers import authorize
from observability.api.filters import (
    EventListFilterSet,
    LogListFilterSet,
    ProjectFilterSet,
    make_event_window,
    make_log_filters,
)
from observability.api.streaming import RANGES, stream_value
from observability.api.views import ERRORS, GONE, ReadView
from observability.selectors.event_details import (
    VALUE_FIELDS,
    get_event,
    get_event_by_id,
    get_event_messages,
    open_event_value,
)
from observability.selectors.event_shapes import EventDetail, EventMessages
from observability.selectors.events import list_events
from observability.selectors.logs import get_log_counts, list_log_records, open_log_fields
from observability.selectors.shapes import EventPage, LogCounts, LogPage
from observability.selectors.traces import get_trace


class EventListView(ReadView):
    """The events of a trace."""

    filterset_class = EventListFilterSet

    @extend_schema(
        operation_id="events_list",
        tags=["events"],
        responses={200: EventPage, **ERRORS},
        filters=True,
        examples=[examples.EVENTS],
    )
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


class EventDetailView(ReadView):
    """One event of a trace."""

    @extend_schema(operation_id="events_get", tags=["events"], responses={200: EventDetail, **ERRORS}, filters=True)
    def get(self, request: Request, trace_id: str, span_id: str) -> Response:
        """Return one event with its values, as far as they are not too large to send along."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(get_event(caller.project_id, get_trace(caller.project_id, trace_id), span_id))


class NumberedEventView(ReadView):
    """One event by its number."""

    @extend_schema(
        operation_id="events_get_by_number",
        tags=["events"],
        responses={200: EventDetail, **ERRORS},
        filters=True,
    )
    def get(self, request: Request, event_id: int) -> Response:
        """Return the event that SDKs name by this number (`originalEventDbId`)."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(get_event_by_id(caller.project_id, event_id))


class EventMessagesView(ReadView):
    """The messages of a model call."""

    @extend_schema(
        operation_id="events_get_messages",
        tags=["events"],
        responses={200: EventMessages, **ERRORS, **GONE},
        filters=True,
    )
    def get(self, request: Request, trace_id: str, span_id: str) -> Response:
        """Return the messages of a model call, also where its values are too large for the event itself."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(get_event_messages(caller.project_id, get_trace(caller.project_id, trace_id), span_id))


class EventValueView(ReadView):
    """One value of an event."""

    @extend_schema(
        operation_id="events_get_value",
        tags=["events"],
        parameters=[OpenApiParameter("field", str, OpenApiParameter.PATH, enum=VALUE_FIELDS)],
        responses={
            200: OpenApiResponse(OpenApiTypes.ANY, description="The JSON value, as received but redacted."),
            **RANGES,
            **ERRORS,
            **GONE,
        },
        filters=True,
    )
    def get(self, request: Request, trace_id: str, span_id: str, field: str) -> HttpResponseBase:
        """Stream one value, however large it is, whole or one byte range of it (`Range`)."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return stream_value(
            request, open_event_value(caller.project_id, get_trace(caller.project_id, trace_id), span_id, field)
        )


class LogFieldsView(ReadView):
    """The structured fields of one log record."""

    @extend_schema(
        operation_id="logs_get_fields",
        tags=["logs"],
        responses={
            200: OpenApiResponse(OpenApiTypes.ANY, description="The JSON object, as received but redacted."),
            **RANGES,
            **ERRORS,
            **GONE,
        },
        filters=True,
    )
    def get(self, request: Request, trace_id: str, log_id: int) -> HttpResponseBase:
        """Stream the fields of a log record whole, however large they are."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return stream_value(request, open_log_fields(caller.project_id, get_trace(caller.project_id, trace_id), log_id))


class LogListView(ReadView):
    """The log records of a trace."""

    filterset_class = LogListFilterSet

    @extend_schema(operation_id="logs_list", tags=["logs"], responses={200: LogPage, **ERRORS}, filters=True)
    def get(self, request: Request, trace_id: str) -> Response:
        """List log records in time, from the oldest on or back from the newest."""
        caller = authorize(request)
        values = LogListFilterSet.read(request)
        page = list_log_records(
            caller.project_id,
            get_trace(caller.project_id, trace_id),
            filters=make_log_filters(values),
            cursor=values.get("cursor"),
            limit=values.get("limit", 500),
            is_newest_first=values.get("order") == "newest",
        )
        return Response(page)


class LogCountsView(ReadView):
    """How many log records of each sort a trace has."""

    @extend_schema(operation_id="logs_count", tags=["logs"], responses={200: LogCounts, **ERRORS}, filters=True)
    def get(self, request: Request, trace_id: str) -> Response:
        """Count the log records by level, stream and node."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(get_log_counts(caller.project_id, get_trace(caller.project_id, trace_id)))
