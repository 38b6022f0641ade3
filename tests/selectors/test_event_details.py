from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from django.core.files.storage import storages
from pytest_django import DjangoAssertNumQueries

from observability.errors import InvalidError, NotFoundError
from observability.ingest.records import ResourceRecord
from observability.models import Event, Project
from observability.selectors import event_details
from observability.selectors.event_details import (
    INLINE_BYTES,
    get_event,
    get_event_by_id,
    get_event_messages,
    open_event_value,
)
from observability.selectors.event_shapes import EventDetail
from observability.selectors.traces import get_trace
from observability.services.blobs import BlobMissingError
from observability.services.policies import update_capture
from observability.services.purge import delete_trace
from tests.records import make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")

LARGE = json.dumps("ü" * INLINE_BYTES, ensure_ascii=False).encode()
HUGE = json.dumps("é" * 2**20, ensure_ascii=False).encode()


def _get(project: Project, span_id: str = "root", trace_id: str = "t") -> EventDetail:
    return get_event(project.pk, get_trace(project.pk, trace_id), span_id)


def _read(project: Project, field: str) -> bytes:
    return b"".join(open_event_value(project.pk, get_trace(project.pk, "t"), "root", field).pieces)


MOVED = b'{"input.value":{"$moved":"input","as":"text"},"out":{"$moved":"output"},"k":1}'


def test_attributes__values_that_were_moved__back_in_their_place(project: Project) -> None:
    write(project.pk, make_event("t", input=b'{"a":  1}', output=b'"long"', attributes=MOVED))

    attributes = _get(project).attributes

    sent = {"input.value": '{"a":  1}', "out": "long", "k": 1}
    assert attributes.state == "present"
    assert json.loads(bytes(attributes.value or b"")) == sent
    assert json.loads(_read(project, "attributes")) == sent
    assert attributes.size_bytes == len(_read(project, "attributes"))


def test_attributes__moved_values_that_are_large_or_not_stored__their_place(project: Project) -> None:
    write(project.pk, make_event("t", input=HUGE, attributes=MOVED))

    shown = json.loads(_read(project, "attributes"))

    assert shown == {"input.value": "[see the event's input]", "out": "[see the event's output]", "k": 1}
    assert json.loads(bytes(_get(project).attributes.value or b"")) == shown


def test_get__every_value__as_it_was_sent(project: Project) -> None:
    resource = ResourceRecord(attributes=b'{"resource": {"service.name": "desk"}}')
    write(
        project.pk,
        make_event(
            "t",
            input=b'{"n": 1.10, "n": 2}',
            output=b"null",
            attributes=b'{"a": [1, 2]}',
            extra=b'{"links": []}',
            error_stack="line 1\nline 2",
            resource=resource,
            tags=("x",),
            session_id="s",
            dialect="gen_ai",
        ),
    )

    event = _get(project)

    assert event.input.value == msgspec.Raw(b'{"n": 1.10, "n": 2}')
    assert (event.output.state, event.output.value, event.output.size_bytes) == ("present", msgspec.Raw(b"null"), 4)
    assert event.attributes.value == msgspec.Raw(b'{"a": [1, 2]}')
    assert event.extra.value == msgspec.Raw(b'{"links": []}')
    assert event.error_stack.value == msgspec.Raw(rb'"line 1\nline 2"')
    assert event.resource.value == msgspec.Raw(resource.attributes)
    assert (event.trace_id, event.source, event.dialect, event.tags) == ("t", "otlp", "gen_ai", ["x"])


def test_get__values_never_sent__absent(project: Project) -> None:
    write(project.pk, make_event("t"))

    event = _get(project)

    states = {getattr(event, field).state for field in event_details.VALUE_FIELDS}
    assert states == {"absent"}


def test_get__project_does_not_capture__withheld(project: Project) -> None:
    update_capture(project=project, inputs=False, outputs=False, error_stacks=False, attributes=False)
    write(project.pk, make_event("t", input=b"1", output=b"2", attributes=b"{}", error_stack="s", extra=b"{}"))

    event = _get(project)

    captured = [getattr(event, field).state for field in ("input", "output", "attributes", "error_stack", "extra")]
    assert captured == ["withheld"] * 5


@pytest.mark.parametrize("value", [LARGE, HUGE], ids=["in the table", "in a blob"])
def test_get__value_too_large__its_beginning_and_the_whole_on_its_own(project: Project, value: bytes) -> None:
    write(project.pk, make_event("t", input=value))

    given = _get(project).input

    assert (given.state, given.value, given.size_bytes) == ("too_large", None, len(value))
    assert given.preview
    assert value.decode().startswith(given.preview)
    assert _read(project, "input") == value


def test_get__blob_gone__unavailable_and_said_so(project: Project) -> None:
    write(project.pk, make_event("t", output=HUGE))
    storage = storages["blobs"]
    for shard in storage.listdir(str(project.pk))[0]:
        for name in storage.listdir(f"{project.pk}/{shard}")[1]:
            storage.delete(f"{project.pk}/{shard}/{name}")

    assert _get(project).output.state == "unavailable"
    with pytest.raises(BlobMissingError):
        _read(project, "output")


def test_get__redacted__only_the_redacted_value(project: Project) -> None:
    write(project.pk, make_event("t", input=b'{"password": "hunter2"}'))

    event = _get(project)

    assert event.flags == ("redacted",)
    assert b"hunter2" not in msgspec.json.encode(event)
    assert b"hunter2" not in _read(project, "input")


def test_get__foreign_unknown_or_deleted__not_found(project: Project, foreign_project: Project) -> None:
    write(project.pk, make_event("t"), make_event("gone"))
    write(foreign_project.pk, make_event("t", "theirs"))
    gone = Event.objects.get(trace_id="gone")
    theirs = Event.objects.get(span_id="theirs")
    delete_trace(project_id=project.pk, trace_id="gone")

    for span_id in ("never", "theirs"):
        with pytest.raises(NotFoundError):
            _get(project, span_id)
    for event in (gone, theirs):
        with pytest.raises(NotFoundError):
            get_event_by_id(project.pk, event.id)


def test_get_by_id__own_event__the_same_as_by_span(project: Project) -> None:
    write(project.pk, make_event("t", input=b"1"))

    assert get_event_by_id(project.pk, Event.objects.get().id) == _get(project)


def test_get__inferred_event__found_through_the_run(project: Project) -> None:
    sdk: dict[str, Any] = {"source": "sdk", "session_id": "s"}
    write(
        project.pk,
        make_event("t", at=1, **sdk),
        make_event("unknown-workflow::s", "call", at=2, kind="http", input=b'"x"', **sdk),
    )

    event = _get(project, "call")

    assert (event.inferred, event.stored_trace_id, event.trace_id) == (
        True,
        "unknown-workflow::s",
        "unknown-workflow::s",
    )
    assert event.input.value == msgspec.Raw(b'"x"')


def test_get__span_id_with_two_starts__the_latest(project: Project) -> None:
    write(project.pk, make_event("t", at=0, name="first"), make_event("t", at=5, name="second"))

    assert _get(project).name == "second"


def test_get__an_event__three_queries(project: Project, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    write(project.pk, make_event("t", input=b"1", resource=ResourceRecord(attributes=b"{}")))
    trace = get_trace(project.pk, "t")

    with django_assert_num_queries(3):
        get_event(project.pk, trace, "root")


def test_value__not_there__not_found_and_why(project: Project) -> None:
    update_capture(project=project, inputs=False, outputs=True, error_stacks=True, attributes=True)
    write(project.pk, make_event("t", input=b"1"))

    with pytest.raises(NotFoundError, match="does not capture"):
        _read(project, "input")
    with pytest.raises(NotFoundError, match="none was sent"):
        _read(project, "output")


# --- Messages of model calls -----------------------------------------------------------------------------------------

CALL: dict[str, Any] = {"kind": "ai", "name": "m", "source": "sdk", "parent_span_id": "root"}


def test_messages__model_call__what_was_sent_and_what_came_back(project: Project) -> None:
    given = b'{"messages": [{"role": "user", "content": "hi"}]}'
    write(project.pk, make_event("t", "call", input=given, output=b'"hello"', **CALL))

    messages = _get(project, "call").messages or []

    assert [(message.side, message.role, message.parts[0].text) for message in messages] == [
        ("input", "user", "hi"),
        ("output", "assistant", "hello"),
    ]


def test_messages__other_kinds__none(project: Project) -> None:
    write(project.pk, make_event("t", input=b'"hi"'))

    assert _get(project).messages == []


def test_messages__values_too_large__read_on_their_own(project: Project) -> None:
    write(project.pk, make_event("t", "call", input=b'"hi"', output=HUGE, **CALL))

    assert _get(project, "call").messages is None
    apart = get_event_messages(project.pk, get_trace(project.pk, "t"), "call").items
    assert [message.role for message in apart] == ["user", "assistant"]


def test_messages__values_larger_than_may_be_read__invalid(project: Project) -> None:
    write(project.pk, make_event("t", "call", output=HUGE, **CALL))

    with pytest.raises(InvalidError, match="one by one"):
        get_event_messages(project.pk, get_trace(project.pk, "t"), "call", most_bytes=1000)


def test_messages__sent_as_log_records__found(project: Project) -> None:
    write(
        project.pk,
        make_event("t", "call", lasts=3, **{**CALL, "source": "otlp"}),
        make_log(
            "t", "", at=1, span_id="call", stream="event", type="gen_ai.user.message", fields=b'{"content": "hi"}'
        ),
        make_log(
            "t", "", at=1, span_id="other", stream="event", type="gen_ai.user.message", fields=b'{"content": "x"}'
        ),
    )

    messages = _get(project, "call").messages or []

    assert [(message.role, message.parts[0].text) for message in messages] == [("user", "hi")]
