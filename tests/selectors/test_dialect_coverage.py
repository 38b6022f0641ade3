from __future__ import annotations

import msgspec
import pytest

from observability.ingest.otlp.coverage import explain_keys
from observability.ingest.records import ResourceRecord
from observability.models import Project
from observability.selectors.dialect_coverage import get_coverage
from tests.records import make_event, write

pytestmark = pytest.mark.usefixtures("store")
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 7,
    "session.id": "s-1",
    "acme.shard": "blue",
}


def test_explain_keys__model_call__says_what_each_becomes() -> None:
    found = explain_keys("chat", dict(CALL))

    assert found["gen_ai.request.model"] == ("model",)
    assert found["gen_ai.usage.input_tokens"] == ("tokens",)
    assert found["session.id"] == ("session",)
    assert found["acme.shard"] == ()


def test_coverage__newest_events__counted_by_dialect_and_scope(project: Project, foreign_project: Project) -> None:
    resource = ResourceRecord(attributes=b'{"resource":{},"scope":{"name":"acme.tracer","version":"1.2"}}')
    for number in range(3):
        attributes = {**CALL, "password": "hunter2!"} if number else CALL
        event = make_event(
            f"t-{number}",
            kind="ai",
            dialect="gen_ai",
            attributes=msgspec.json.encode(attributes),
            resource=resource,
        )
        write(project.pk, event)
    write(foreign_project.pk, make_event("elsewhere", attributes=b'{"secret.place": 1}'))

    sample = get_coverage(project.pk)

    [group] = sample.groups
    assert (group.dialect, group.scope, group.version, group.events) == ("gen_ai", "acme.tracer", "1.2", 3)
    assert {use.key: use.events for use in group.not_understood} == {"acme.shard": 3, "password": 2}
    assert {use.key for use in group.understood} == set(CALL) - {"acme.shard"}
    assert next(use.example for use in group.not_understood if use.key == "password") == "[REDACTED]"
    # 12 of 17 attributes, counted by hand: three events with five each, two of them with one more.
    assert group.percent == 12 * 100 // 17


def test_coverage__nothing_sent__is_empty(project: Project) -> None:
    assert get_coverage(project.pk).groups == []
