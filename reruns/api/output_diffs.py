"""A run's output beside the original's, over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.fields import integer_parameter
from observability.api.filters import ProjectFilterSet
from reruns.api.views import ERRORS, ReadView
from reruns.selectors.output_diffs import compare_output
from reruns.selectors.output_shapes import ComparedOutput
from reruns.selectors.triggers import get_run, get_trigger


class OutputDiffFilterSet(ProjectFilterSet):
    """Which run."""

    run = integer_parameter("Number of the run, from 1; the first if absent.", least=1, most=32_767)
    step = integer_parameter("Place of the step; 0, and of a workflow, if absent.", least=0, most=32_767)


class OutputDiffView(ReadView):
    """What differs in an output."""

    filterset_class = OutputDiffFilterSet

    @extend_schema(
        operation_id="triggers_output_diff", tags=["reruns"], responses={200: ComparedOutput, **ERRORS}, filters=True
    )
    def get(self, request: Request, trigger_id: int) -> Response:
        """Return what differs between what a run answered and what the source did, line by line."""
        caller = authorize(request)
        values = OutputDiffFilterSet.read(request)
        trigger = get_trigger(caller.project_id, trigger_id)
        run = get_run(trigger, step=values.get("step", 0), number=values.get("run", 1))
        return Response(compare_output(trigger, run))
