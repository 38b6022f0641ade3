"""The plan of a rerun over REST."""

from __future__ import annotations

from typing import Annotated

from drf_spectacular.utils import extend_schema
from msgspec import UNSET, Meta
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.bodies import read_body
from observability.selectors.traces import get_trace
from reruns.api.bodies import WorkflowRerunBody
from reruns.api.views import ERRORS, TOO_LARGE, ReadView, authorize_rerun
from reruns.selectors.plan_shapes import RerunPlan
from reruns.selectors.plans import PlanRequest, make_plan
from reruns.services.evaluations import check_evaluations


class RerunPlanBody(WorkflowRerunBody, kw_only=True, rename="camel"):
    """As a request for a rerun of the workflow, or with `eventDbIds` of these calls one by one."""

    event_db_ids: (
        Annotated[list[Annotated[int, Meta(ge=0, le=2**63 - 1)]], Meta(min_length=1, max_length=100)] | None
    ) = None


class RerunPlans(ReadView):
    """Plans of reruns."""

    @extend_schema(
        operation_id="rerun_plans_create",
        tags=["reruns"],
        request=RerunPlanBody,
        responses={200: RerunPlan, **ERRORS, **TOO_LARGE},
        filters=True,
    )
    def post(self, request: Request) -> Response:
        """Say what a rerun would do, and ask for nothing: which calls really happen and what they may change, which are
        answered from the recording or a mock, which cannot be and why, and which SDK session would run it.

        Takes the same body as the rerun, and refuses the same. Takes a key with the scope `rerun`, or the role that
        the project asks for.
        """
        caller, policy = authorize_rerun(request)
        body = read_body(request, RerunPlanBody)
        if any("\x00" in text for text in (body.session_id, body.trace_id)):
            raise ValidationError({"body": ["It holds NUL, which no id has."]})
        check_evaluations(body.evaluations)
        asked = PlanRequest(
            event_ids=body.event_db_ids,
            frozen_ids=[] if body.freeze_nothing else body.frozen_event_ids or None,
            tool_mock_config=body.tool_mock_config,
            ai_mock_config=body.ai_mock_config,
            prompt_mocks=dict(body.prompt_mocks),
            user_prompt_mocks=dict(body.user_prompt_mocks),
            is_strict=body.strict,
            has_input=body.workflow_input is not UNSET,
            run_count=body.run_count,
            session_id=body.session_id,
            workflow_name=body.workflow_name or "",
        )
        return Response(make_plan(policy, get_trace(caller.project_id, body.trace_id), asked))
