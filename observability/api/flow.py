"""The flow of a trace over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.filters import ProjectFilterSet
from observability.api.views import ERRORS, ReadView
from observability.selectors.flow import get_flow
from observability.selectors.flow_shapes import FlowGraph
from observability.selectors.traces import get_trace


class FlowView(ReadView):
    """The graph of a run."""

    @extend_schema(operation_id="traces_get_flow", tags=["traces"], responses={200: FlowGraph, **ERRORS}, filters=True)
    def get(self, request: Request, trace_id: str) -> Response:
        """Return who called whom and in which order, repeated calls folded into one node, laid out for drawing."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(get_flow(caller.project_id, get_trace(caller.project_id, trace_id)))
