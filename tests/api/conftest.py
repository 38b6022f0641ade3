from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from observability.ingest.fingerprints import fingerprint_error
from observability.models import Project, Scope
from observability.services.keys import create_key
from tests.records import make_event, make_log, write

TRACE_ID = "chat::1795202677943::c1de2abc"
BASE = "/api/observability/"
FINGERPRINT = fingerprint_error("tool", "search", "")[0]
"""Of the error that `write_trace` stores."""
READS = [
    "traces",
    "traces-newer",
    f"traces/{TRACE_ID}",
    "traces-facets",
    "traces-histogram",
    "traces-completions",
    "traces-completions?field=workflow",
    "traces-export",
    "traces-export?format=csv",
    f"jump?id={TRACE_ID}",
    f"traces/{TRACE_ID}/events",
    f"traces/{TRACE_ID}/events/root",
    f"traces/{TRACE_ID}/events/root/messages",
    f"traces/{TRACE_ID}/events/root/values/input",
    f"traces/{TRACE_ID}/logs",
    f"traces/{TRACE_ID}/flow",
    f"traces/{TRACE_ID}/state?at=2026-11-20T00:00:00Z",
    f"traces/{TRACE_ID}/matches?text=x",
    f"traces/{TRACE_ID}/logs-counts",
    "saved-views",
    "metrics/system",
    "errors",
    f"errors/{FINGERPRINT}",
    "ingest-health",
    "steps",
    "steps/workflow/chat/calls",
    "steps/workflow/chat/health",
    "steps/tool/search/calls",
    "steps/prompt/abc/health",
    "steps/prompt/abc/versions",
    "steps/prompt/abc/text",
]
"""Every address that can be read, of the stored trace; the one by number is added where the number is known."""
LISTS = {
    "traces",
    "traces-newer",
    "traces-facets",
    "traces-histogram",
    "traces-completions",
    "traces-completions?field=workflow",
    "traces-export",
    "traces-export?format=csv",
    f"jump?id={TRACE_ID}",
    "saved-views",
    "steps",
    "metrics/system",
    "errors",
    "ingest-health",
}
"""Those that answer a stranger about the stranger's own project, with nothing in it."""


def write_trace(project: Project, trace_id: str = TRACE_ID) -> None:
    """Store a trace that has something at every address."""
    write(
        project.pk,
        make_event(trace_id, input=b'{"question": 1.10}', output=b'"answer"', session_id="s"),
        make_event(trace_id, "tool", at=1, name="search", parent_span_id="root", status="error"),
        make_event(trace_id, "call", at=2, kind="ai", name="gpt", prompt_hash="abc", parent_span_id="root"),
        make_log(trace_id, "hello", at=1, fields=b'{"n": 1}'),
    )


class Api:
    """Calls the API with a key, or as a signed-in person."""

    def __init__(self, *, key: str | None = None, user: Any = None) -> None:
        self.client = Client(headers={"api-key": key} if key else None)
        if user is not None:
            self.client.force_login(user)

    def get(self, path: str, **query: Any) -> Any:
        """Return the response to a GET under `/api/observability/`."""
        return self.client.get(BASE + path, query_params=query)

    def post(self, path: str, body: Any, **query: Any) -> Any:
        """Return the response to a POST of JSON."""
        return self.client.post(BASE + path, body, content_type="application/json", query_params=query)

    def put(self, path: str, body: Any, **query: Any) -> Any:
        """Return the response to a PUT of JSON."""
        return self.client.put(BASE + path, body, content_type="application/json", query_params=query)

    def patch(self, path: str, body: Any, **query: Any) -> Any:
        """Return the response to a PATCH of JSON."""
        return self.client.patch(BASE + path, body, content_type="application/json", query_params=query)

    def delete(self, path: str, body: Any = None, **query: Any) -> Any:
        """Return the response to a DELETE."""
        return self.client.delete(BASE + path, query_params=query)


@pytest.fixture
def key_api(project: Project) -> Api:
    """A key with the scope `read`."""
    return Api(key=create_key(project=project, name="Reader", scopes=[Scope.READ]).text)
