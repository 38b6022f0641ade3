"""The state of a trace at a moment, and the search within a trace, over REST."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.fields import text_parameter, time_parameter
from observability.api.filters import ProjectFilterSet
from observability.api.views import ERRORS, ReadView
from observability.selectors.trace_state import EventMatches, TraceState, find_events_with_text, get_trace_state
from observability.selectors.traces import get_trace


class TraceStateFilterSet(ProjectFilterSet):
    """Which moment."""

    at = time_parameter("The moment; required.")


class EventMatchesFilterSet(ProjectFilterSet):
    """Which text."""

    text = text_parameter("What a name, an error or the beginning of an input or output contains; required.")


class TraceStateView(ReadView):
    """What a trace had come to by a moment."""

    filterset_class = TraceStateFilterSet

    @extend_schema(
        operation_id="traces_get_state", tags=["traces"], responses={200: TraceState, **ERRORS}, filters=True
    )
    def get(self, request: Request, trace_id: str) -> Response:
        """Return tokens, cost, errors and messages of the trace as they were at a moment."""
        caller = authorize(request)
        values = _require(TraceStateFilterSet.read(request), "at")
        return Response(get_trace_state(caller.project_id, get_trace(caller.project_id, trace_id), at=values["at"]))


class EventMatchesView(ReadView):
    """The events of a trace that a text is found in."""

    filterset_class = EventMatchesFilterSet

    @extend_schema(operation_id="events_search", tags=["events"], responses={200: EventMatches, **ERRORS}, filters=True)
    def get(self, request: Request, trace_id: str) -> Response:
        """Return which events' names, errors or beginnings of input and output contain a text, in either case."""
        caller = authorize(request)
        values = _require(EventMatchesFilterSet.read(request), "text")
        trace = get_trace(caller.project_id, trace_id)
        return Response(find_events_with_text(caller.project_id, trace, values["text"]))


def _require(values: dict[str, Any], name: str) -> dict[str, Any]:
    if name not in values:
        raise ValidationError({name: ["Give a value."]})
    return values
