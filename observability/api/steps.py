"""Discovered steps over REST (contract `sdk-rerun.md` B6.10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.filters import STEP_KINDS, StepCallFilterSet, StepHealthFilterSet, StepListFilterSet
from observability.api.views import ERRORS, ReadView
from observability.selectors.step_health import get_step_health
from observability.selectors.step_shapes import StepCallPage, StepHealth, StepList
from observability.selectors.steps import MOST_STEPS, get_step, list_step_calls, list_steps

_USUAL_RANGE = timedelta(days=1)
_STEP = [
    OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=STEP_KINDS),
    OpenApiParameter("name", str, OpenApiParameter.PATH, description="The step's key, or a prompt's name."),
]


class StepListView(ReadView):
    """The discovered steps."""

    filterset_class = StepListFilterSet

    @extend_schema(operation_id="steps_list", tags=["steps"], responses={200: StepList, **ERRORS}, filters=True)
    def get(self, request: Request) -> Response:
        """List workflows, tools and prompts with their figures, over whole hours, the most called first."""
        caller = authorize(request)
        values = StepListFilterSet.read(request)
        steps = list_steps(
            caller.project_id,
            kind=values.get("kind"),
            since=values.get("from"),
            until=values.get("to"),
            limit=values.get("limit", MOST_STEPS),
        )
        return Response(steps)


class StepCallListView(ReadView):
    """The calls of a step."""

    filterset_class = StepCallFilterSet

    @extend_schema(
        operation_id="steps_list_calls",
        tags=["steps"],
        parameters=_STEP,
        responses={200: StepCallPage, **ERRORS},
        filters=True,
    )
    def get(self, request: Request, kind: str, name: str) -> Response:
        """List the calls of a step, newest first: traces of a workflow, events of a tool or prompt."""
        caller = authorize(request)
        values = StepCallFilterSet.read(request)
        page = list_step_calls(
            caller.project_id,
            get_step(caller.project_id, kind, name),
            since=values.get("from"),
            until=values.get("to"),
            statuses=tuple(values.get("status", ())),
            cursor=values.get("cursor"),
            limit=values.get("limit", 50),
        )
        return Response(page)


class StepHealthView(ReadView):
    """The health of a step."""

    filterset_class = StepHealthFilterSet

    @extend_schema(
        operation_id="steps_get_health",
        tags=["steps"],
        parameters=_STEP,
        responses={200: StepHealth, **ERRORS},
        filters=True,
    )
    def get(self, request: Request, kind: str, name: str) -> Response:
        """Return calls, errors, percentiles, tokens and cost of a step, whole and by bucket.

        The last day if neither `from` nor `to` is given; a day from or up to the one that is.
        """
        caller = authorize(request)
        values = StepHealthFilterSet.read(request)
        since, until = _read_range(values)
        health = get_step_health(
            caller.project_id,
            get_step(caller.project_id, kind, name),
            since=since,
            until=until,
            bucket_s=values.get("bucket_s"),
        )
        return Response(health)


def _read_range(values: dict[str, Any]) -> tuple[Any, Any]:
    since, until = values.get("from"), values.get("to")
    if until is None:
        until = timezone.now() if since is None else since + _USUAL_RANGE
    return since or until - _USUAL_RANGE, until
