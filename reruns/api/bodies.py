"""Request bodies. Field names are the SDK's own (`workflowName`), as in everything about reruns."""

from __future__ import annotations

from typing import IO, Annotated, Any

import msgspec
from django.conf import settings
from msgspec import UNSET, Meta, UnsetType
from rest_framework.parsers import BaseParser

from reruns.errors import TooLargeError

MOST_IDS = 20_000
_Json = Annotated[object, Meta(description="Any JSON value.")]
_TraceId = Annotated[str, Meta(min_length=1, max_length=255)]
_SessionId = Annotated[
    str, Meta(max_length=200, description="The SDK session that is to run it; empty for any that can.")
]
_RunCount = Annotated[int, Meta(ge=1, le=50, description="How often to run.")]
_Minutes = Annotated[
    int, Meta(ge=1, le=24 * 60, description="When it expires, if not fully answered; the project's own if absent.")
]
_Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Evaluations = Annotated[
    list[dict[str, Any]], Meta(max_length=20, description="What to check of each result, each with its `type`.")
]
_Mocks = Annotated[
    dict[str, Any],
    Meta(description='By name: `{mode: live | mock-all | mock-specific, callIndices?, mockData? {"<call>": value}}`.'),
]
_Prompts = Annotated[dict[str, str], Meta(description="Texts by the name of the prompt they replace.")]


class _RerunBody(msgspec.Struct, kw_only=True, rename="camel"):
    """What every request for a rerun may say. Unknown fields are ignored: SDKs and their tools send some."""

    run_count: _RunCount = 1
    session_id: _SessionId = ""
    ttl_minutes: _Minutes | None = None
    evaluations: _Evaluations = []


class WorkflowRerunBody(_RerunBody, kw_only=True, rename="camel"):
    """A trace's workflow, run again."""

    trace_id: _TraceId
    workflow_name: Annotated[str, Meta(max_length=255)] | None = None
    workflow_input: _Json | UnsetType = UNSET
    frozen_event_ids: Annotated[
        list[_Number],
        Meta(max_length=MOST_IDS, description="Numbers of the events to answer from the recording; empty for all."),
    ] = []
    freeze_nothing: Annotated[bool, Meta(description="Run every call for real.")] = False
    tool_mock_config: _Mocks = {}
    ai_mock_config: _Mocks = {}
    prompt_mocks: _Prompts = {}
    user_prompt_mocks: _Prompts = {}
    strict: Annotated[bool, Meta(description="Fail a call that is neither frozen nor mocked.")] = False
    direct: Annotated[bool, Meta(description="Send it as `workflow:rerun`.")] = False


class StepRerunBody(_RerunBody, kw_only=True, rename="camel"):
    """Some of a trace's calls, run again one by one."""

    trace_id: _TraceId
    event_db_ids: (
        Annotated[list[_Number], Meta(max_length=100, description="Numbers of the events; absent for all that can be.")]
        | None
    ) = None


class PortalTaskBody(_RerunBody, kw_only=True, rename="camel"):
    """One call: an event's, with its own input or another, or one that is typed in."""

    event_db_id: _Number | None = None
    type: Annotated[str, Meta(max_length=10)] = ""
    name: Annotated[str, Meta(max_length=500)] = ""
    input: _Json | UnsetType = UNSET
    provider: Annotated[str, Meta(max_length=100)] | None = None
    model: Annotated[str, Meta(max_length=200)] | None = None
    model_parameters: dict[str, Any] | None = None


class SamplingConfigBody(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A sampling config; what is left out stays as it is."""

    name: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET
    mode: Annotated[str, Meta(description="`step` or `workflow`.", max_length=20)] | UnsetType = UNSET
    event_types: (
        Annotated[
            list[Annotated[str, Meta(max_length=20)]],
            Meta(max_length=10, description="What runs for real: `ai`, `tool`, `http`, `db`."),
        ]
        | UnsetType
    ) = UNSET
    workflow: Annotated[str, Meta(max_length=255, description="`*` stands for any text.")] | UnsetType = UNSET
    event_name: Annotated[str, Meta(max_length=255, description="`*` stands for any text.")] | UnsetType = UNSET
    rate: Annotated[float, Meta(ge=0, le=1, description="Share of traces.")] | UnsetType = UNSET
    run_count: _RunCount | UnsetType = UNSET
    max_per_hour: Annotated[int, Meta(ge=0, le=100_000)] | UnsetType = UNSET
    evaluations: _Evaluations | UnsetType = UNSET


class ResultParser(BaseParser):
    """Hands a result's `body` over as bytes, up to `RERUN_RESULT_BYTES`: its values are kept as they came."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        """Return the body. Raises `TooLargeError`."""
        body = stream.read(settings.RERUN_RESULT_BYTES + 1)
        if len(body) > settings.RERUN_RESULT_BYTES:
            raise TooLargeError(f"At most {settings.RERUN_RESULT_BYTES} bytes are taken.")
        return {"body": body}
