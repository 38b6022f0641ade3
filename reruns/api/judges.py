"""Whom a project asks to judge outputs, over REST."""

from __future__ import annotations

from typing import Annotated

import msgspec
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.bodies import read_body
from observability.api.callers import authorize
from observability.api.filters import ProjectFilterSet
from observability.models import Role, Scope
from reruns.api.views import ERRORS, ReadView
from reruns.selectors.evaluations import Judge, get_judge
from reruns.services.judges import remove_judge, set_judge


class JudgeBody(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An endpoint that speaks OpenAI's chat completions."""

    base_url: Annotated[str, Meta(min_length=1, max_length=500, description="Up to and without `/chat/completions`.")]
    model: Annotated[str, Meta(min_length=1, max_length=200)]
    key: Annotated[
        str | None, Meta(description="Kept encrypted; empty for none. Absent: the one before, for the same address.")
    ] = None


class JudgeView(ReadView):
    """Whom `llm-judge` asks."""

    @extend_schema(operation_id="judge_retrieve", tags=["reruns"], responses={200: Judge, **ERRORS}, filters=True)
    def get(self, request: Request) -> Response:
        """Return the endpoint and the model, and whether a key is stored; never the key."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(get_judge(caller.project_id))

    @extend_schema(
        operation_id="judge_update", tags=["reruns"], request=JudgeBody, responses={200: Judge, **ERRORS}, filters=True
    )
    def put(self, request: Request) -> Response:
        """Set whom to ask. Takes the scope or role `admin`: outputs are sent there, and answers cost money."""
        project_id = _authorize(request)
        body = read_body(request, JudgeBody)
        set_judge(project_id=project_id, base_url=body.base_url, model=body.model, key=body.key)
        return Response(get_judge(project_id))

    @extend_schema(operation_id="judge_delete", tags=["reruns"], responses={204: None, **ERRORS}, filters=True)
    def delete(self, request: Request) -> Response:
        """Ask nobody any more. Takes the scope or role `admin`."""
        remove_judge(project_id=_authorize(request))
        return Response(status=204)


def _authorize(request: Request) -> int:
    caller = authorize(request, scope=Scope.ADMIN, minimum_role=Role.ADMIN)
    ProjectFilterSet.read(request)
    return caller.project_id
