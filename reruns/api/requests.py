"""Asking for reruns, looking at them, cancelling them."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from msgspec import UNSET
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.bodies import read_body
from observability.api.callers import authorize
from observability.api.filters import ProjectFilterSet
from observability.selectors.traces import get_trace
from reruns.api.bodies import PortalTaskBody, StepRerunBody, WorkflowRerunBody
from reruns.api.views import (
    ERRORS,
    FINISHED,
    LIMITS,
    ReadView,
    Requested,
    TriggerListFilterSet,
    authorize_rerun,
    describe_requested,
    make_request,
)
from reruns.models import Trigger
from reruns.selectors.triggers import (
    TriggerDetail,
    TriggerPage,
    get_trigger,
    get_trigger_detail,
    list_triggers,
)
from reruns.services.triggers import (
    WorkflowSettings,
    cancel_trigger,
    request_portal_task,
    request_step_reruns,
    request_workflow_rerun,
)
from reruns.wire.messages import Step


class WorkflowReruns(ReadView):
    """Workflows to run again."""

    @extend_schema(
        operation_id="workflow_reruns_create",
        tags=["reruns"],
        request=WorkflowRerunBody,
        responses={201: Requested, **ERRORS, **LIMITS},
        filters=True,
    )
    def post(self, request: Request) -> Response:
        """Run a trace's workflow again, on an SDK that has it, with recorded answers for the calls that are frozen.

        Everything is frozen unless `frozenEventIds` names what is. Without `workflowInput` the workflow is given what
        it was given; where the trace does not say, this is refused as `workflow_input_missing` (null may be given).
        With no SDK connected the rerun waits for one. Takes a key with the scope `rerun`, or the role that the
        project asks for.
        """
        caller, policy = authorize_rerun(request)
        body = read_body(request, WorkflowRerunBody)
        asked = make_request(request, caller, policy, body)
        settings = WorkflowSettings(
            workflow_name=body.workflow_name,
            workflow_input=body.workflow_input,
            frozen_event_ids=[] if body.freeze_nothing else body.frozen_event_ids or None,
            tool_mock_config=body.tool_mock_config,
            ai_mock_config=body.ai_mock_config,
            prompt_mocks=dict(body.prompt_mocks),
            user_prompt_mocks=dict(body.user_prompt_mocks),
            is_strict=body.strict,
            is_direct=body.direct,
        )
        trace = get_trace(caller.project_id, body.trace_id)
        return _answer(request_workflow_rerun(request=asked, trace=trace, settings=settings))


class PortalTasks(ReadView):
    """Single calls to run."""

    @extend_schema(
        operation_id="portal_tasks_create",
        tags=["reruns"],
        request=PortalTaskBody,
        responses={201: Requested, **ERRORS, **LIMITS},
        filters=True,
    )
    def post(self, request: Request) -> Response:
        """Run one call on an SDK: an event's (`eventDbId`), with its own input or `input`, or one that is typed in.

        Takes a key with the scope `rerun`, or the role that the project asks for.
        """
        caller, policy = authorize_rerun(request)
        body = read_body(request, PortalTaskBody)
        step = Step(
            event_id=body.event_db_id,
            event_type=body.type,
            event_name=body.name,
            provider=body.provider,
            model=body.model,
            model_parameters=body.model_parameters,
            input=UNSET if body.input is UNSET else body.input,
        )
        asked = make_request(request, caller, policy, body)
        return _answer(request_portal_task(request=asked, step=step))


class Triggers(ReadView):
    """Reruns of a project."""

    filterset_class = TriggerListFilterSet

    @extend_schema(operation_id="triggers_list", tags=["reruns"], responses={200: TriggerPage, **ERRORS}, filters=True)
    def get(self, request: Request) -> Response:
        """List reruns, newest first: of the project, or of one trace."""
        caller = authorize(request)
        values = TriggerListFilterSet.read(request)
        page = list_triggers(
            caller.project_id,
            trace_id=values.get("trace_id"),
            states=tuple(values.get("status", ())),
            mode=values.get("mode"),
            cursor=values.get("cursor"),
            limit=values.get("limit", 50),
        )
        return Response(page)


class StepReruns(ReadView):
    """Calls of a trace to run again."""

    @extend_schema(
        operation_id="step_reruns_create",
        tags=["reruns"],
        request=StepRerunBody,
        responses={201: Requested, **ERRORS, **LIMITS},
        filters=True,
    )
    def post(self, request: Request) -> Response:
        """Run some calls of a trace again, each alone with the input it had: model, tool, HTTP and database calls.

        Takes a key with the scope `rerun`, or the role that the project asks for.
        """
        caller, policy = authorize_rerun(request)
        body = read_body(request, StepRerunBody)
        asked = make_request(request, caller, policy, body)
        trace = get_trace(caller.project_id, body.trace_id)
        return _answer(request_step_reruns(request=asked, trace=trace, event_ids=body.event_db_ids))


class TriggerView(ReadView):
    """One rerun."""

    @extend_schema(
        operation_id="triggers_retrieve", tags=["reruns"], responses={200: TriggerDetail, **ERRORS}, filters=True
    )
    def get(self, request: Request, trigger_id: int) -> Response:
        """Return a rerun with its runs, their results, and how it was handed over."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(get_trigger_detail(caller.project_id, trigger_id))


class TriggerCancellation(ReadView):
    """Ends a rerun."""

    @extend_schema(
        operation_id="triggers_cancel",
        tags=["reruns"],
        request=None,
        responses={200: TriggerDetail, **ERRORS, **FINISHED},
        filters=True,
    )
    def post(self, request: Request, trigger_id: int) -> Response:
        """Cancel a rerun that waits or runs. What an SDK has begun goes on; its answer is kept, marked late.

        Takes a key with the scope `rerun`, or the role that the project asks for.
        """
        caller, _ = authorize_rerun(request)
        cancel_trigger(trigger=get_trigger(caller.project_id, trigger_id), cancelled_by=caller.user)
        return Response(get_trigger_detail(caller.project_id, trigger_id))


def _answer(trigger: Trigger) -> Response:
    return Response(describe_requested(trigger), status=201)
