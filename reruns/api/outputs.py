"""Outputs of runs over REST, however large they are."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from observability.api.callers import authorize
from observability.api.fields import integer_parameter
from observability.api.filters import ProjectFilterSet
from observability.api.streaming import RANGES, stream_value
from reruns.api.views import ERRORS, ReadView
from reruns.selectors.outputs import open_run_output


class RunOutputFilterSet(ProjectFilterSet):
    """Of which step."""

    step = integer_parameter("Place of the step in `steps`; 0 if absent, as of a workflow.", least=0, most=32_767)


class RunOutputView(ReadView):
    """What one run answered."""

    filterset_class = RunOutputFilterSet

    @extend_schema(
        operation_id="triggers_runs_output",
        tags=["reruns"],
        responses={
            200: OpenApiResponse(OpenApiTypes.ANY, description="The JSON value, as answered but redacted."),
            **RANGES,
            **ERRORS,
        },
        filters=True,
    )
    def get(self, request: Request, trigger_id: int, number: int) -> HttpResponseBase:
        """Stream what a run answered, however large it is, whole or one byte range of it (`Range`)."""
        caller = authorize(request)
        values = RunOutputFilterSet.read(request)
        value = open_run_output(caller.project_id, trigger_id, number=number, step=values.get("step", 0))
        return stream_value(request, value)
