from __future__ import annotations

from datetime import timedelta

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from observability.flags import EventFlag
from observability.ingest.records import Rejected
from observability.models import (
    ApiKey,
    IngestRejection,
    Project,
    ProjectMembership,
    Role,
    SdkSession,
    Trace,
    User,
)
from observability.selectors.whereabouts import find_whereabouts
from observability.selectors.whereabouts_shapes import Verdict
from observability.services.keys import NewKey, create_key, revoke_key
from observability.services.purge import delete_trace
from observability.services.test_traces import send_test_trace
from tests.records import make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")


def _look(project: Project, wanted: str, user: User | None = None) -> list[Verdict]:
    return find_whereabouts(project.pk, wanted, user=user).items


def _codes(project: Project, wanted: str, user: User | None = None) -> list[str]:
    return [verdict.code for verdict in _look(project, wanted, user)]


def test_where__stored_trace__is_found_by_any_spelling_span_and_session(project: Project) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    write(project.pk, make_event(trace_id, "span-1", session_id="session-1"))

    assert _codes(project, trace_id.upper()) == ["found"]
    assert _codes(project, "4bf92f35-77b3-4da6-a3ce-929d0e0e4736") == ["found"]
    assert [(one.code, one.trace_id) for one in _look(project, "span-1")] == [("span_found", trace_id)]
    assert [(one.code, one.trace_id) for one in _look(project, "session-1")] == [("session_found", trace_id)]


def test_where__hidden_values_and_a_clock_ahead__are_said(project: Project) -> None:
    write(project.pk, make_event("t-1", input=b'{"password": "hunter2!"}'))
    Trace.objects.filter(trace_id="t-1").update(started_at=timezone.now() + timedelta(hours=1))
    masked = make_event("t-2", input=b'{"password": "hunter2!"}')
    write(project.pk, masked)

    assert _codes(project, "t-1")[:2] == ["found", "clock_skew"]
    assert "masked" in _codes(project, "t-2")


def test_where__deleted_trace__says_so_and_what_was_sent_since(project: Project) -> None:
    write(project.pk, make_event("t-1"))
    delete_trace(project_id=project.pk, trace_id="t-1")
    write(project.pk, make_event("t-1", "late", parent_span_id="root"))

    assert _codes(project, "t-1") == ["deleted", "rejected"]
    rejection = IngestRejection.objects.get()
    assert (rejection.trace_id, rejection.span_id, rejection.code) == ("t-1", "late", "trace_deleted")


def test_where__other_project__only_told_to_who_belongs_there(
    project: Project, foreign_project: Project, owner: User
) -> None:
    write(foreign_project.pk, make_event("t-1"))
    foreign_key = create_key(project=foreign_project, name="Foreign", scopes=["ingest"])

    assert _codes(project, "t-1", owner) == ["unknown"]
    assert _codes(project, foreign_key.key.public_id, owner) == ["unknown"]
    ProjectMembership.objects.create(project=foreign_project, user=owner, role=Role.VIEWER)

    [verdict] = _look(project, "t-1", owner)
    assert (verdict.code, verdict.project, verdict.trace_id) == ("wrong_project", "other/elsewhere", "t-1")
    assert _codes(project, foreign_key.key.public_id, owner) == ["wrong_project"]
    assert _codes(project, "t-1") == ["unknown"]


def test_where__session_without_events__is_unattributed(project: Project) -> None:
    now = timezone.now()
    SdkSession.objects.create(project_id=project.pk, session_id="s-1", metadata={}, first_seen_at=now, last_seen_at=now)

    assert _codes(project, "s-1") == ["session_without_trace"]


def test_where__key__tells_its_state_and_never_its_secret(project: Project, api_key: NewKey) -> None:
    public_id = api_key.key.public_id
    found = find_whereabouts(project.pk, api_key.text)

    assert (found.id, [one.code for one in found.items]) == (public_id, ["key_unused"])
    ApiKey.objects.update(scopes=["read"])
    assert _codes(project, public_id) == ["key_lacks_scope"]
    revoke_key(key=api_key.key)
    assert _codes(project, public_id) == ["key_revoked"]


def test_where__one_or_many_rejections__same_queries(project: Project, django_assert_max_num_queries: object) -> None:
    write_many = [Rejected(index=number, reason="type: missing", trace_id="t-9") for number in range(5)]
    write(project.pk, make_log("t-1"))
    IngestRejection.objects.bulk_create(
        IngestRejection(
            project_id=project.pk,
            id=number + 1,
            door="sdk",
            code="invalid",
            reason=one.reason,
            item_index=number,
            received_at=timezone.now(),
            trace_id=one.trace_id,
        )
        for number, one in enumerate(write_many)
    )

    with django_assert_max_num_queries(8) as queries:  # type: ignore[operator]
        assert _codes(project, "t-9") == ["rejected"] * 5
    assert isinstance(queries, CaptureQueriesContext)


def test_test_trace__sent__is_whole_and_priced(project: Project) -> None:
    trace_id = send_test_trace(project_id=project.pk)

    trace = Trace.objects.get(project_id=project.pk, trace_id=trace_id)
    assert (trace.event_count, trace.error_count, trace.total_tokens, trace.status) == (3, 0, 41, "ok")
    assert trace.cost_micros
    assert not trace.flags & EventFlag.TIME_SUSPECT
