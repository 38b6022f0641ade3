"""Whatever the OpenAPI document allows, and what it does not, is answered as it says.

The examples are few and the same in every run; raise `max_examples` for a longer search.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

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
    return {"api-key": create_key(project=project, name="Key", scopes=[Scope.READ, Scope.RERUN, Scope.ADMIN]).text}


def _send_any(case: Any, headers: dict[str, str]) -> None:
    case.call_and_validate(headers=headers, excluded_checks=BEYOND_SCHEMA)


def _send_about_what_is_there(case: Any, headers: dict[str, str]) -> None:
    case.path_parameters.update({name: KNOWN.get(name, value) for name, value in case.path_parameters.items()})
    _send_any(case, headers)


def _make_test(operation_id: str, send: Callable[[Any, dict[str, str]], None]) -> Callable[..., None]:
    """Return the test of one operation: `parametrize` gives all that it makes one id, and workers run an id once."""

    @SCHEMA.include(operation_id=operation_id).parametrize()
    @BOUNDS
    def test(case: Any, headers: dict[str, str]) -> None:
        send(case, headers)

    return cast("Callable[..., None]", test)


def _list_operations() -> list[str]:
    operations: list[Any] = list(SCHEMA.get_all_operations())
    return [operation.ok().definition.raw["operationId"] for operation in operations]


OPERATIONS = _list_operations()
for _id in OPERATIONS:
    globals()[f"test_{_id}__any_request__is_answered_as_described"] = _make_test(_id, _send_any)
    globals()[f"test_{_id}__about_what_is_there__is_answered_as_described"] = _make_test(_id, _send_about_what_is_there)


def test_operations__of_the_document__have_their_tests() -> None:
    assert len(OPERATIONS) == len(set(OPERATIONS)) > 30
