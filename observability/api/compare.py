"""Two traces side by side over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.fields import text_parameter
from observability.api.filters import ProjectFilterSet
from observability.api.views import ERRORS, GONE, ReadView
from observability.selectors.compare import compare_traces
from observability.selectors.compare_shapes import ComparedValues, Comparison
from observability.selectors.compare_values import compare_values
from observability.selectors.traces import get_trace


class CompareFilterSet(ProjectFilterSet):
    """Which two traces."""

    left = text_parameter("The trace that is the measure. Required.", limit=2000)
    right = text_parameter("The trace that is measured. Required.", limit=2000)


class CompareValuesFilterSet(CompareFilterSet):
    """Which two events of them."""

    left_span = text_parameter("An event of the left trace; absent for one that is only right.", limit=2000)
    right_span = text_parameter("An event of the right trace; absent for one that is only left.", limit=2000)


class CompareView(ReadView):
    """Two traces aligned."""

    filterset_class = CompareFilterSet

    @extend_schema(operation_id="traces_compare", tags=["traces"], responses={200: Comparison, **ERRORS}, filters=True)
    def get(self, request: Request) -> Response:
        """Align two traces step by step: what is the same, changed, added and missing, and where they first part."""
        caller = authorize(request)
        values = CompareFilterSet.read(request)
        _require(values, "left", "right")
        left, right = (get_trace(caller.project_id, values[side]) for side in ("left", "right"))
        return Response(compare_traces(caller.project_id, left, right))


class CompareValuesView(ReadView):
    """Two events diffed."""

    filterset_class = CompareValuesFilterSet

    @extend_schema(
        operation_id="traces_compare_values",
        tags=["traces"],
        responses={200: ComparedValues, **ERRORS, **GONE},
        filters=True,
    )
    def get(self, request: Request) -> Response:
        """Return what differs in the input, output and stack of two events, line by line."""
        caller = authorize(request)
        values = CompareValuesFilterSet.read(request)
        _require(values, "left", "right")
        if "left_span" not in values and "right_span" not in values:
            raise ValidationError({"left_span": ["Give left_span, right_span or both."]})
        left, right = (get_trace(caller.project_id, values[side]) for side in ("left", "right"))
        found = compare_values(
            caller.project_id,
            (left, values["left_span"]) if "left_span" in values else None,
            (right, values["right_span"]) if "right_span" in values else None,
        )
        return Response(found)


def _require(values: dict[str, str], *names: str) -> None:
    missing = {name: ["Give the id of a trace."] for name in names if name not in values}
    if missing:
        raise ValidationError(missing)
