"""Sampling configs and connected SDK sessions over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from msgspec import UNSET
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.bodies import read_body
from observability.api.callers import authorize
from observability.api.filters import ProjectFilterSet
from observability.errors import InvalidError
from observability.models import Role, Scope
from observability.selectors.access import Caller
from reruns.api.bodies import SamplingConfigBody
from reruns.api.views import ERRORS, ReadView, has_nul
from reruns.selectors.connections import ConnectedSessions, list_sessions
from reruns.selectors.sampling import (
    SamplingConfigItem,
    SamplingConfigs,
    describe_sampling_config,
    get_sampling_config,
    list_sampling_configs,
)
from reruns.services.sampling import create_sampling_config, delete_sampling_config, update_sampling_config

SESSIONS_SINCE = timedelta(days=1)


class SamplingConfigList(ReadView):
    """The sampling configs of a project."""

    @extend_schema(
        operation_id="sampling_configs_list", tags=["reruns"], responses={200: SamplingConfigs, **ERRORS}, filters=True
    )
    def get(self, request: Request) -> Response:
        """List sampling configs, by name, with what became of the traces they took."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(list_sampling_configs(caller.project_id))

    @extend_schema(
        operation_id="sampling_configs_create",
        tags=["reruns"],
        request=SamplingConfigBody,
        responses={201: SamplingConfigItem, **ERRORS},
        filters=True,
    )
    def post(self, request: Request) -> Response:
        """Have a share of the project's traces run again as they arrive.

        Takes a key with the scope `admin`, or the role admin: it spends what reruns cost without asking anybody.
        """
        caller = _authorize(request)
        values = _read_values(request)
        missing = [name for name in ("name", "event_types") if name not in values]
        if missing:
            raise InvalidError(f"{_CAMEL.get(missing[0], missing[0])}: give one")
        config = create_sampling_config(project_id=caller.project_id, created_by=caller.user, **values)
        return Response(describe_sampling_config(config), status=201)


class SamplingConfigView(ReadView):
    """One sampling config."""

    @extend_schema(
        operation_id="sampling_configs_update",
        tags=["reruns"],
        request=SamplingConfigBody,
        responses={200: SamplingConfigItem, **ERRORS},
        filters=True,
    )
    def patch(self, request: Request, config_id: int) -> Response:
        """Change what is given, for traces that arrive from now on. Takes the scope or role `admin`."""
        caller = _authorize(request)
        values = _read_values(request)
        config = update_sampling_config(config=get_sampling_config(caller.project_id, config_id), **values)
        return Response(describe_sampling_config(config))

    @extend_schema(
        operation_id="sampling_configs_delete", tags=["reruns"], responses={204: None, **ERRORS}, filters=True
    )
    def delete(self, request: Request, config_id: int) -> Response:
        """Remove a config; the reruns it asked for stay. Takes the scope or role `admin`."""
        caller = _authorize(request)
        delete_sampling_config(config=get_sampling_config(caller.project_id, config_id))
        return Response(status=204)


class SdkSessions(ReadView):
    """Connected SDKs."""

    @extend_schema(
        operation_id="sdk_sessions_list", tags=["reruns"], responses={200: ConnectedSessions, **ERRORS}, filters=True
    )
    def get(self, request: Request) -> Response:
        """List the SDK processes that are connected, and those that were within a day."""
        caller = authorize(request)
        ProjectFilterSet.read(request)
        return Response(list_sessions(caller.project_id, since=timezone.now() - SESSIONS_SINCE))


_CAMEL = {"event_types": "eventTypes"}


def _authorize(request: Request) -> Caller:
    caller = authorize(request, scope=Scope.ADMIN, minimum_role=Role.ADMIN)
    ProjectFilterSet.read(request)
    return caller


def _read_values(request: Request) -> dict[str, Any]:
    body = read_body(request, SamplingConfigBody)
    given = msgspec.structs.asdict(body)
    values = {name: value for name, value in given.items() if value is not UNSET}
    for name, value in values.items():
        if has_nul(value):
            raise InvalidError(f"{_CAMEL.get(name, name)}: it holds NUL, which cannot be stored")
    return values
