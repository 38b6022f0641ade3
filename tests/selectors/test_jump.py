from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from observability.models import Event, Project, Scope
from observability.selectors.budget import Budget
from observability.selectors.jump import find_by_id
from observability.services.keys import create_key
from observability.services.purge import delete_trace
from tests.records import make_event, write

pytestmark = pytest.mark.usefixtures("store")


def _find(project: Project, text: str) -> list[tuple[str, str, str]]:
    return [(item.kind, item.id, item.label) for item in find_by_id(project.pk, text).items]


def _write_some(project: Project) -> None:
    call = make_event("chat::1795::c1de", "9d1c6c0a4b2e7f35", at=1, kind="ai", name="gpt", prompt_hash="abc123")
    write(
        project.pk,
        make_event("chat::1795::c1de", session_id="session-1", user_id="user-1", correlation_id="order-7"),
        call,
        make_event("chat::1796::d2ef", at=5, name="refund", user_id="user-1"),
    )


def test_find__any_id__what_it_names(project: Project, foreign_project: Project) -> None:
    _write_some(project)
    key = create_key(project=project, name="CI", scopes=[Scope.READ])
    number = Event.objects.get(span_id="9d1c6c0a4b2e7f35").id

    assert _find(project, "chat::1795::c1de") == [("trace", "chat::1795::c1de", "chat")]
    assert _find(project, "chat::179") == [
        ("trace", "chat::1796::d2ef", "refund"),
        ("trace", "chat::1795::c1de", "chat"),
    ]
    assert _find(project, "chat::1795::c1d%") == []
    assert _find(project, "9d1c6c0a4b2e7f35") == [("event", "9d1c6c0a4b2e7f35", "ai gpt")]
    assert (
        _find(project, f"events/{number}") == _find(project, str(number)) == [("event", "9d1c6c0a4b2e7f35", "ai gpt")]
    )
    assert _find(project, "session-1") == [("session", "session-1", "Session of chat")]
    assert _find(project, "user-1") == [("user", "user-1", "User")]
    assert _find(project, "order-7") == [("correlation", "order-7", "Correlation id")]
    assert _find(project, "refund") == [("step", "refund", "refund")]
    assert [kind for kind, *_ in _find(project, "abc123")] == ["step"]
    assert _find(project, key.text) == [("key", key.key.public_id, "CI")]
    assert _find(project, "never") == []


def test_find__foreign_or_deleted__nothing(project: Project, foreign_project: Project) -> None:
    _write_some(project)
    key = create_key(project=project, name="CI", scopes=[Scope.READ])
    number = Event.objects.get(span_id="9d1c6c0a4b2e7f35").id
    texts = ["chat::1795::c1de", "chat::179", "9d1c6c0a4b2e7f35", str(number), "session-1", "order-7", "refund"]

    assert [_find(foreign_project, text) for text in [*texts, key.key.public_id]] == [[]] * 8
    delete_trace(project_id=project.pk, trace_id="chat::1795::c1de")
    assert [_find(project, text) for text in texts[2:6] + texts[:1]] == [[]] * 5


def test_find__out_of_time__what_was_found_until_then(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_some(project)
    seconds_left = iter([1.0, *[0.0] * 6])
    monkeypatch.setattr(Budget, "left", property(lambda _: next(seconds_left)))

    found = find_by_id(project.pk, "chat::1795::c1de")

    assert ([item.kind for item in found.items], found.is_partial) == (["trace"], True)


def test_find__one_or_many__same_queries(project: Project) -> None:
    _write_some(project)
    with CaptureQueriesContext(connection) as one:
        find_by_id(project.pk, "user-1")
    write(project.pk, *(make_event(f"t{number}", at=number, user_id="user-1") for number in range(20)))

    with CaptureQueriesContext(connection) as many:
        find_by_id(project.pk, "user-1")

    assert len(one) == len(many)
