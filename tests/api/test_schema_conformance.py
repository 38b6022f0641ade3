"""Whatever the OpenAPI document allows, and what it does not, is answered as it says.

The examples are few and the same in every run; raise `max_examples` for a longer search.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, settings

from observability.models import Project, Scope
from observability.services.keys import create_key
from tests.api.conftest import TRACE_ID, write_trace

KNOWN = {"trace_id": TRACE_ID, "span_id": "root", "kind": "tool", "name": "search", "field": "input"}
# The doors are no part of this application; `test_schema` sends their examples to them.
SCHEMA = schemathesis.openapi.from_wsgi("/api/schema", get_wsgi_application()).exclude(tag="ingest")
# A cursor has the type of a text, but only one that a list gave is good.
BEYOND_SCHEMA = [schemathesis.checks.positive_data_acceptance]
BOUNDS = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture
def headers(store: None, project: Project) -> dict[str, str]:
    """Return a key that may do everything in a project that has a trace."""
    write_trace(project)
    return {"api-key": create_key(project=project, name="Key", scopes=[Scope.READ, Scope.ADMIN]).text}


@SCHEMA.parametrize()
@BOUNDS
def test_api__any_request__is_answered_as_described(case: Any, headers: dict[str, str]) -> None:
    case.call_and_validate(headers=headers, excluded_checks=BEYOND_SCHEMA)


@SCHEMA.parametrize()
@BOUNDS
def test_api__any_request_about_what_is_there__is_answered_as_described(case: Any, headers: dict[str, str]) -> None:
    case.path_parameters.update({name: KNOWN.get(name, value) for name, value in case.path_parameters.items()})

    case.call_and_validate(headers=headers, excluded_checks=BEYOND_SCHEMA)
