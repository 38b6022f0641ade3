"""What was run again from a trace, over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.fields import text_parameter
from observability.api.filters import ProjectFilterSet
from observability.selectors.traces import get_trace
from reruns.api.views import ERRORS, ReadView
from reruns.selectors.forks import Forks, get_forks


class ForksFilterSet(ProjectFilterSet):
    """Which trace."""

    trace_id = text_parameter("The trace. Required.", limit=2000)


class ForksView(ReadView):
    """A trace and its reruns."""

    filterset_class = ForksFilterSet

    @extend_schema(operation_id="trace_forks_retrieve", tags=["reruns"], responses={200: Forks, **ERRORS}, filters=True)
    def get(self, request: Request) -> Response:
        """Return the tree of a trace, the traces it was itself run again from, and all reruns of them, depth first."""
        caller = authorize(request)
        trace_id = ForksFilterSet.read(request).get("trace_id")
        if not trace_id:
            raise ValidationError({"trace_id": ["Give the id of a trace."]})
        return Response(get_forks(caller.project_id, get_trace(caller.project_id, trace_id).trace_id))
