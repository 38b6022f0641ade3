"""What SDKs fetch and answer over HTTP. Every key form of the doors is taken (B6.3)."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import psycopg
import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from psycopg_pool import PoolTimeout
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.filters import ProjectFilterSet
from observability.errors import NotFoundError, ObservabilityError
from observability.ingest.credentials import read_key
from observability.ingest.writer import WriterBusyError
from observability.models import Scope
from observability.services.keys import authenticate_key
from reruns.api.bodies import ResultParser
from reruns.api.views import ERRORS, TOO_LARGE, ReadView, ResultTaken, authorize_rerun, describe_taken
from reruns.models import RunConfig
from reruns.selectors.run_configs import RunSettings, find_open_run_config, get_run_config, get_run_settings
from reruns.services.results import mark_running, read_task_id, record_answer, record_event_answer
from reruns.services.run_events import record_run_event
from reruns.wire.results import Answer, read_answer

log = structlog.get_logger(__name__)


class RunConfigView(ReadView):
    """What an SDK needs to run a workflow again."""

    # Who has no key may know the run's id, where the project lets that be enough.
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="run_configs_retrieve",
        tags=["reruns"],
        responses={200: RunSettings, **ERRORS, **TOO_LARGE},
        filters=True,
    )
    def get(self, request: Request, config_id: uuid.UUID) -> Response:
        """Return the frozen events of a run, in order, and its mocks.

        Values are the originals, not redacted: this takes a key with the scope `rerun`, or the role that the project
        asks for. `frozenEvents[].id` is the event's place among the calls of the trace, which is what an SDK counts;
        places of events that are not frozen stay free. `notFrozen` names those that were to be and cannot.
        """
        return Response(get_run_settings(self._find(request, config_id)))

    def _find(self, request: Request, config_id: uuid.UUID) -> RunConfig:
        if request.auth is None and not request.user.is_authenticated:
            config = find_open_run_config(config_id)
            if config is None:
                raise NotAuthenticated
        else:
            caller, _ = authorize_rerun(request)
            config = get_run_config(caller.project_id, config_id)
        is_sdk = request.auth is not None or not request.user.is_authenticated
        if is_sdk and config.trigger_id is not None:
            mark_running(trigger_id=config.trigger_id)
        return config


class ShortRunConfigView(RunConfigView):
    """The same under the address that some SDKs know."""

    @extend_schema(
        operation_id="run_configs_retrieve_short",
        tags=["reruns"],
        responses={200: RunSettings, **ERRORS, **TOO_LARGE},
        filters=True,
    )
    def get(self, request: Request, config_id: uuid.UUID) -> Response:
        """Return the same as `/api/observability/run-configs/{config_id}`."""
        return super().get(request, config_id)


class ResultView(ReadView):
    """Takes results; only a key with the scope `rerun` may send any."""

    parser_classes = (ResultParser,)

    def authorize(self, request: Request) -> int:
        """Return the project of the key."""
        caller = authorize(request, scope=Scope.RERUN)
        if caller.user is not None:
            authorize_rerun(request)
        ProjectFilterSet.read(request)
        return caller.project_id

    def read(self, request: Request) -> Answer:
        """Return what the body answers. Raises `ResultUnreadableError` and `TooLargeError`."""
        # An empty body is not given to any parser.
        given = request.data.get("body", b"") if isinstance(request.data, dict) else b""
        return read_answer(given)


class TriggerResults(ResultView):
    """Results of a rerun."""

    @extend_schema(
        operation_id="triggers_results_create",
        tags=["reruns"],
        request=OpenApiTypes.OBJECT,
        responses={200: ResultTaken, **ERRORS, **TOO_LARGE},
        filters=True,
    )
    def post(self, request: Request, trigger_id: int) -> Response:
        """Take what an SDK answers: `{mode: "workflow", ok, output, error?, durationMs}`, or `{steps: [...]}` with the
        `results` of each step. Of several runs, `runIndex` (from 0) says which it is; without, it is the next. A client
        that knows says by `callCount` how many calls the run came to, frozen ones among them: for the fidelity report.

        The first answer of a run is kept. The last one ends the rerun as completed, or failed if a run was not `ok`.
        """
        project_id = self.authorize(request)
        answer = self.read(request)
        return Response(describe_taken(record_answer(project_id=project_id, trigger_id=trigger_id, answer=answer)))


class EventReruns(ResultView):
    """Results of an event's reruns."""

    @extend_schema(
        operation_id="events_reruns_create",
        tags=["reruns"],
        request=OpenApiTypes.OBJECT,
        responses={200: ResultTaken, **ERRORS, **TOO_LARGE},
        filters=True,
    )
    def post(self, request: Request, event_id: int) -> Response:
        """Take the results of one step, by its event: `{results: [{ok, output, error, durationMs, usage}]}`.

        They are of the oldest rerun that waits for this event.
        """
        project_id = self.authorize(request)
        answer = self.read(request)
        return Response(describe_taken(record_event_answer(project_id=project_id, event_id=event_id, answer=answer)))


class PortalResults(ResultView):
    """The result of a portal task."""

    @extend_schema(
        operation_id="portal_results_create",
        tags=["reruns"],
        request=OpenApiTypes.OBJECT,
        responses={200: ResultTaken, **ERRORS, **TOO_LARGE},
        filters=True,
    )
    def post(self, request: Request, task_id: str) -> Response:
        """Take the result of a portal task: `{taskId, ok, output, error?, durationMs, usage?}`."""
        project_id = self.authorize(request)
        answer = self.read(request)
        trigger_id = read_task_id(task_id)
        return Response(describe_taken(record_answer(project_id=project_id, trigger_id=trigger_id, answer=answer)))


@csrf_exempt
async def trace_events(request: HttpRequest) -> HttpResponse:
    """Take an event of a run, `{runId, event}`, from an SDK that sends them one by one (B1.6, B6.17).

    Answers 202 with what became of it. The key needs the scope `rerun` or `ingest`; without a key the run's id is
    enough where the project lets it, while the run is live.
    """
    if request.method != "POST":
        return _answer(405, {"code": "method_not_allowed", "detail": "Send with POST."}, allow="POST")
    body = request.read(settings.RERUN_RESULT_BYTES + 1)
    if len(body) > settings.RERUN_RESULT_BYTES:
        return _answer(413, {"code": "too_large", "detail": f"At most {settings.RERUN_RESULT_BYTES} bytes are taken."})
    try:
        return await _store_run_event(request, body)
    except ObservabilityError as error:
        return _answer(error.status, {"code": error.code, "detail": str(error)})
    except (WriterBusyError, DatabaseError, psycopg.Error, PoolTimeout) as error:
        log.warning("run_event.unavailable", error=repr(error))
        return _answer(503, {"code": "unavailable", "detail": "The store cannot be reached."}, retry_after="2")


async def _store_run_event(request: HttpRequest, body: bytes) -> HttpResponse:
    text = read_key([(name.lower().encode(), value.encode()) for name, value in request.headers.items()])
    identity = None if text is None else await authenticate_key(text)
    if text is not None and identity is None:
        return _answer(401, {"code": "invalid_api_key", "detail": "The API key is unknown, expired or revoked."})
    if identity is not None and not identity.scopes & {"rerun", "ingest"}:
        return _answer(403, {"code": "denied", "detail": "The API key has neither the scope `rerun` nor `ingest`."})
    try:
        result = await record_run_event(
            body=body,
            project_id=identity.project_id if identity else None,
            public_id=identity.public_id if identity else "",
        )
    except NotFoundError:
        if identity is None:
            return _answer(401, {"code": "not_authenticated", "detail": "Send an API key."})
        raise
    rejected = [{"index": item.index, "reason": item.reason} for item in result.rejected]
    content = {"success": True, "accepted": result.accepted, "duplicates": result.duplicates, "rejected": rejected}
    return _answer(202, content)


def _answer(status: int, content: dict[str, Any], **headers: str) -> HttpResponse:
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return HttpResponse(msgspec.json.encode(content), content_type="application/json", status=status, headers=named)
