"""Whatever the OpenAPI document allows, and what it does not, is answered as it says.

The examples are few and the same in every run; raise `max_examples` for a longer search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from hypothesis import HealthCheck, settings

from debugconsole.models import DebugSession
from debugconsole.services.extensions import create_extension
from debugconsole.services.grants import request_grant
from debugconsole.services.sessions import Viewer, Wish, open_session
from observability.models import Project, Scope, User
from observability.services.keys import create_key
from tests.api.conftest import TRACE_ID, write_trace

SESSION_ID = "7d0e6a52-0b7e-4a3e-9d55-0f3b7f0d9a11"
KNOWN = {"trace_id": TRACE_ID, "span_id": "root", "kind": "tool", "name": "search", "field": "input"}
KNOWN |= {"session_id": SESSION_ID}
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
def headers(store: None, project: Project, owner: User) -> Iterator[dict[str, str]]:
    """Return a key that may do everything in a project that has a trace and a debug session."""
    write_trace(project)
    scopes: list[str] = [Scope.READ, Scope.RERUN, Scope.ADMIN, Scope.DEBUG]
    key = create_key(project=project, name="Key", scopes=scopes, created_by=owner)
    with override_settings(DEBUG_CONSOLE_ENABLED=True, IS_PRODUCTION=False):
        _watch(project, owner)
        yield {"api-key": key.text}


def _watch(project: Project, person: User) -> None:
    """Have an extension, a session at it, and a grant that waits."""
    extension = create_extension(project=project, extension_id="orders")
    opened = open_session(viewer=Viewer(user=person, transport="ws"), extension=extension, wish=Wish())
    DebugSession.objects.filter(pk=opened.session.pk).update(id=SESSION_ID)
    request_grant(extension=extension, requested_by=person, reason="a look")


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
