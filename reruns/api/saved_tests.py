"""A run as a pytest file, over REST."""

from __future__ import annotations

from typing import Annotated

import msgspec
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from msgspec import Meta
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from observability.api.bodies import read_body
from observability.api.errors import ApiError
from observability.selectors.traces import get_trace
from observability.services.keys import KeyIdentity
from reruns.api.views import ERRORS, TOO_LARGE, ReadView, authorize_rerun
from reruns.saved_tests.writing import name_file
from reruns.services.saved_tests import save_test


class SavedTestBody(msgspec.Struct, kw_only=True, rename="camel"):
    """Which run, and what the test calls."""

    trace_id: Annotated[str, Meta(min_length=1, max_length=255)]
    function: Annotated[str, Meta(max_length=300, description="As `module:function`; empty leaves it open.")] = ""


class SavedTests(ReadView):
    """Runs as tests."""

    @extend_schema(
        operation_id="saved_tests_create",
        tags=["reruns"],
        request=SavedTestBody,
        responses={
            (200, "text/x-python"): OpenApiResponse(OpenApiTypes.STR, description="The file."),
            **ERRORS,
            **TOO_LARGE,
            422: OpenApiResponse(ApiError, description="The trace has no call that could be replayed."),
        },
        filters=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Write a run down as a pytest file that replays it offline with the published Python SDK.

        It holds recorded values in clear, so it takes what a rerun takes, a key with the scope `rerun` or the role
        that the project asks for, and is noted in the audit log.
        """
        caller, _ = authorize_rerun(request)
        body = read_body(request, SavedTestBody)
        if "\x00" in body.trace_id:
            raise ValidationError({"traceId": ["It holds NUL, which no id has."]})
        key_id = request.auth.key_id if isinstance(request.auth, KeyIdentity) else None
        run, text = save_test(
            project_id=caller.project_id,
            trace=get_trace(caller.project_id, body.trace_id),
            function=body.function,
            user=caller.user,
            key_id=key_id,
        )
        headers = {"Content-Disposition": f'attachment; filename="{name_file(run)}"', "Cache-Control": "no-store"}
        return HttpResponse(text, content_type="text/x-python; charset=utf-8", headers=headers)
