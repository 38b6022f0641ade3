"""What the views of reruns share."""

from __future__ import annotations

from typing import Annotated, Any

import django_filters
import msgspec
from drf_spectacular.utils import OpenApiResponse
from msgspec import Meta
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request as HttpRequest

from observability.api.callers import authorize
from observability.api.errors import ApiError
from observability.api.fields import choice_parameter, integer_parameter, text_parameter
from observability.api.filters import ProjectFilterSet
from observability.api.views import ERRORS, ReadView
from observability.models import Scope
from observability.selectors.access import Caller
from observability.services.keys import KeyIdentity
from reruns.api.bodies import PortalTaskBody, StepRerunBody, WorkflowRerunBody
from reruns.models import RerunPolicy, Trigger
from reruns.selectors.policies import require_rerun
from reruns.selectors.triggers import MOST_TRIGGERS
from reruns.services.evaluations import check_evaluations
from reruns.services.results import Recorded
from reruns.services.triggers import Request

__all__ = ["ERRORS", "LIMITS", "ReadView"]

LIMITS = {
    422: OpenApiResponse(ApiError, description="There is nothing to run again, or the workflow's input is not known."),
    429: OpenApiResponse(ApiError, description="The project's limit of reruns is reached."),
}
TOO_LARGE = {413: OpenApiResponse(ApiError, description="More bytes than are taken, or given, at once.")}
FINISHED = {409: OpenApiResponse(ApiError, description="It has come to its end already.")}


class TriggerListFilterSet(ProjectFilterSet):
    """Which reruns, and which page of them."""

    trace_id: django_filters.Filter = text_parameter("Reruns of this trace.")
    status = choice_parameter("One of these.", tuple(Trigger.State.values), is_list=True)
    mode = choice_parameter("Only this mode.", tuple(Trigger.Mode.values))
    cursor = text_parameter("`nextCursor` of the page before; absent for the first page.", limit=2000)
    limit = integer_parameter("Rows on the page; 50 if absent.", least=1, most=MOST_TRIGGERS)


class Requested(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a request, as far as it is known when this is answered."""

    trigger_id: int
    run_config_id: str | None
    task_id: Annotated[str | None, Meta(description="Of a portal task.")]
    status: Annotated[str, Meta(description="`sent`, or `pending` while no SDK has it.")]
    detail: Annotated[str, Meta(description="Why it waits.")]


class ResultTaken(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a result. Sending it again changes nothing."""

    success: bool
    trigger_id: int
    status: str
    accepted: Annotated[int, Meta(description="Runs this is the first answer of.")]
    duplicates: Annotated[int, Meta(description="Runs that had an answer already.")]
    rejected: Annotated[list[str], Meta(description="What belongs to no run, and why.")]


def authorize_rerun(request: HttpRequest) -> tuple[Caller, RerunPolicy]:
    """Return who calls and the project's policy, once it is sure that they may rerun."""
    caller = authorize(request, scope=Scope.RERUN)
    ProjectFilterSet.read(request)
    return caller, require_rerun(caller)


def make_request(
    request: HttpRequest,
    caller: Caller,
    policy: RerunPolicy,
    body: WorkflowRerunBody | StepRerunBody | PortalTaskBody,
) -> Request:
    """Return what every request for a rerun says, with who asks."""
    for field, value in msgspec.to_builtins(body).items():
        if has_nul(value):
            raise ValidationError({field: ["It holds NUL, which cannot be stored."]})
    check_evaluations(body.evaluations)
    return Request(
        policy=policy,
        user=caller.user,
        key_id=request.auth.key_id if isinstance(request.auth, KeyIdentity) else None,
        run_count=body.run_count,
        session_id=body.session_id,
        ttl_minutes=body.ttl_minutes,
        evaluations=body.evaluations,
    )


def has_nul(value: object) -> bool:
    """Say whether a text anywhere in a JSON value holds NUL: Postgres stores none."""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, list):
        return any(map(has_nul, value))
    return isinstance(value, dict) and any(has_nul(item) for pair in value.items() for item in pair)


def describe_requested(trigger: Trigger) -> Requested:
    """Return a request as it is now: delivery followed the commit."""
    trigger.refresh_from_db()
    config: Any = getattr(trigger, "run_config", None)
    return Requested(
        trigger_id=trigger.pk,
        run_config_id=None if config is None else str(config.pk),
        task_id=trigger.task_id if trigger.mode == Trigger.Mode.PORTAL else None,
        status=trigger.state,
        detail=trigger.detail,
    )


def describe_taken(recorded: Recorded) -> ResultTaken:
    """Return what became of a result."""
    return ResultTaken(
        success=True,
        trigger_id=recorded.trigger.pk,
        status=recorded.trigger.state,
        accepted=recorded.accepted,
        duplicates=recorded.duplicates,
        rejected=recorded.rejected,
    )
