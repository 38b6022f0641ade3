"""Discovered steps over REST (contract `sdk-rerun.md` B6.10)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.filters import (
    STEP_KINDS,
    ProjectFilterSet,
    StepCallFilterSet,
    StepHealthFilterSet,
    StepListFilterSet,
    TimeRangeFilterSet,
)
from observability.api.health import read_range
from observability.api.views import ERRORS, ReadView
from observability.errors import InvalidError
from observability.selectors.prompts import get_prompt_text, list_prompt_versions
from observability.selectors.step_health import get_step_health
from observability.selectors.step_series import MOST_WITH_PARTS, add_step_parts
from observability.selectors.step_shapes import PromptHistory, PromptText, StepCallPage, StepHealth, StepList
from observability.selectors.steps import MOST_STEPS, get_step, list_step_calls, list_steps

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
        parts = values.get("include", ())
        since, until = values.get("from"), values.get("to")
        if parts and since is None:
            raise InvalidError("from: include takes the time to look at")
        steps = list_steps(
            caller.project_id,
            kind=values.get("kind"),
            since=since,
            until=until,
            text=values.get("text"),
            order=values.get("order", "calls"),
            limit=values.get("limit", MOST_WITH_PARTS if parts else MOST_STEPS),
        )
        return Response(_add_parts(caller.project_id, steps, parts, since, until))


def _add_parts(
    project_id: int, steps: StepList, parts: Iterable[str], since: datetime | None, until: datetime | None
) -> StepList:
    """Return the steps with what was asked to be included."""
    if since is None or not parts:
        return steps
    if len(steps.items) > MOST_WITH_PARTS:
        raise InvalidError(f"limit: at most {MOST_WITH_PARTS} with include")
    return add_step_parts(project_id, steps, parts, since=since, until=until or timezone.now())


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
        since, until = read_range(values)
        health = get_step_health(
            caller.project_id,
            get_step(caller.project_id, kind, name),
            since=since,
            until=until,
            bucket_s=values.get("bucket_s"),
        )
        return Response(health)


class PromptVersionsView(ReadView):
    """The texts a prompt has had."""

    filterset_class = TimeRangeFilterSet

    @extend_schema(
        operation_id="steps_list_prompt_versions",
        tags=["steps"],
        parameters=_STEP,
        responses={200: PromptHistory, **ERRORS},
        filters=True,
    )
    def get(self, request: Request, kind: str, name: str) -> Response:
        """List the texts of a prompt, the newest first, with their figures over whole hours. Only prompts have some."""
        caller = authorize(request)
        values = TimeRangeFilterSet.read(request)
        step = get_step(caller.project_id, kind, name)
        return Response(list_prompt_versions(caller.project_id, step, since=values.get("from"), until=values.get("to")))


class PromptTextView(ReadView):
    """The text of a prompt."""

    @extend_schema(
        operation_id="steps_get_prompt_text",
        tags=["steps"],
        parameters=_STEP,
        responses={200: PromptText, **ERRORS},
        filters=True,
    )
    def get(self, request: Request, kind: str, name: str) -> Response:
        """Return the text of a prompt as its newest call holds it. Only prompts have one."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(get_prompt_text(caller.project_id, get_step(caller.project_id, kind, name)))
