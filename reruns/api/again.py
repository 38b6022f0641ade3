"""Asking once more, over REST."""

from __future__ import annotations

from typing import Annotated

import msgspec
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from observability.api.bodies import read_body
from observability.services.keys import KeyIdentity
from reruns.api.views import ERRORS, LIMITS, ReadView, Requested, authorize_rerun, describe_requested
from reruns.selectors.triggers import get_trigger
from reruns.services.again import request_again
from reruns.services.triggers import Request


class AgainBody(msgspec.Struct, kw_only=True, rename="camel"):
    """What may be other than before."""

    run_count: Annotated[int, Meta(ge=1, le=50, description="How often to run; as before if absent.")] | None = None


class TriggerAgain(ReadView):
    """Asks once more."""

    @extend_schema(
        operation_id="triggers_again",
        tags=["reruns"],
        request=AgainBody,
        responses={201: Requested, **ERRORS, **LIMITS},
        filters=True,
    )
    def post(self, request: HttpRequest, trigger_id: int) -> Response:
        """Ask for a rerun once more, with the same settings and checks. It goes to the session that was asked for then.

        Takes a key with the scope `rerun`, or the role that the project asks for.
        """
        caller, policy = authorize_rerun(request)
        body = read_body(request, AgainBody)
        trigger = get_trigger(caller.project_id, trigger_id)
        asked = Request(
            policy=policy,
            user=caller.user,
            key_id=request.auth.key_id if isinstance(request.auth, KeyIdentity) else None,
            run_count=body.run_count or trigger.run_count,
            session_id=trigger.requested_session_id,
            evaluations=trigger.evaluations,
        )
        return Response(describe_requested(request_again(trigger=trigger, request=asked)), status=201)
