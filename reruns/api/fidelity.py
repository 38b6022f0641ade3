"""The fidelity report over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.fields import integer_parameter
from observability.api.filters import ProjectFilterSet
from reruns.api.views import ERRORS, TOO_LARGE, ReadView
from reruns.selectors.fidelity import get_fidelity
from reruns.selectors.fidelity_shapes import FidelityReport


class FidelityFilterSet(ProjectFilterSet):
    """Which run."""

    run = integer_parameter("Number of the run, from 1; the first if absent.", least=1, most=32_767)


class FidelityView(ReadView):
    """How true a rerun was."""

    filterset_class = FidelityFilterSet

    @extend_schema(
        operation_id="triggers_fidelity",
        tags=["reruns"],
        responses={200: FidelityReport, **ERRORS, **TOO_LARGE},
        filters=True,
    )
    def get(self, request: Request, trigger_id: int) -> Response:
        """Return which frozen events answered a run's calls, which calls ran for real, and where the run first left its
        source.

        Calls are matched by what they are (kind, name, input), and told from which frozen event the SDK, which counts,
        answered them: `isWrong` is a call that got another call's recording.
        """
        caller = authorize(request)
        values = FidelityFilterSet.read(request)
        return Response(get_fidelity(caller.project_id, trigger_id, number=values.get("run", 1)))
