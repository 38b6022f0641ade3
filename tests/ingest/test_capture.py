from __future__ import annotations

import json
from typing import Any

import pytest

from observability.flags import EventFlag
from observability.ingest.capture import Capture, apply_capture, apply_capture_to_log
from observability.ingest.records import EventRecord, LogRecord

ALL = Capture()
NO_INPUTS = Capture(inputs=False)
NO_OUTPUTS = Capture(outputs=False)


def _event(**changes: Any) -> EventRecord:
    fields: dict[str, Any] = {
        "trace_id": "t", "span_id": "s", "started_at_us": 1, "ended_at_us": 2, "kind": "ai", "name": "chat",
        "status": "ok", "source": "otlp", "input": b'"hi"', "output": b'"ho"', "error_stack": "at line 1",
        "attributes": b'{"gen_ai.request.temperature":0.10}', "extra": b'{"links":[]}',
    }  # fmt: skip
    return EventRecord(**{**fields, **changes})


def _log(**changes: Any) -> LogRecord:
    fields: dict[str, Any] = {"trace_id": "t", "logged_at_us": 1, "stream": "event", "level": "info", "message": "m"}
    return LogRecord(**{**fields, **changes})


def test_apply_capture__everything_captured__is_the_same_object() -> None:
    event = _event()

    assert apply_capture(event, ALL) == (event, 0)


@pytest.mark.parametrize(
    ("capture", "dropped", "flag"),
    [
        (NO_INPUTS, ["input"], EventFlag.INPUT_WITHHELD),
        (NO_OUTPUTS, ["output"], EventFlag.OUTPUT_WITHHELD),
        (Capture(error_stacks=False), ["error_stack"], EventFlag.STACK_WITHHELD),
        (Capture(attributes=False), ["attributes", "extra"], EventFlag.ATTRIBUTES_WITHHELD),
    ],
)
def test_apply_capture__switch_off__drops_its_values_and_says_so(
    capture: Capture, dropped: list[str], flag: EventFlag
) -> None:
    event, flags = apply_capture(_event(), capture)

    fields = ("input", "output", "error_stack", "attributes", "extra")
    assert [field for field in fields if getattr(event, field) is None] == dropped
    assert flags == flag


def test_apply_capture__nothing_there_to_drop__says_nothing() -> None:
    event = _event(input=None)

    assert apply_capture(event, NO_INPUTS) == (event, 0)


def test_apply_capture__content_in_raw_attributes__goes_with_its_side() -> None:
    attributes = b'{"input.value":"hi","llm.input_messages.0.message.content":"hi","output.value":"ho","x":0.10}'
    event = _event(attributes=attributes, dialect="openinference", input=None)

    without_input, input_flags = apply_capture(event, NO_INPUTS)
    without_output, output_flags = apply_capture(event, NO_OUTPUTS)

    assert without_input.attributes == b'{"output.value":"ho","x":0.10}'
    assert input_flags == EventFlag.INPUT_WITHHELD
    assert json.loads(without_output.attributes or b"").keys() == {
        "input.value",
        "llm.input_messages.0.message.content",
        "x",
    }
    assert output_flags == EventFlag.OUTPUT_WITHHELD


def test_apply_capture__raw_stream__is_output() -> None:
    event, flags = apply_capture(_event(output=None, extra=b'{"stream_raw":"data: ho","streamed":true}'), NO_OUTPUTS)

    assert event.extra == b'{"streamed":true}'
    assert flags == EventFlag.OUTPUT_WITHHELD


def test_apply_capture__attributes_that_cannot_be_read__are_dropped_whole() -> None:
    event, flags = apply_capture(_event(attributes=b'["input.value"]', input=None), NO_INPUTS)

    assert event.attributes is None
    assert flags == EventFlag.ATTRIBUTES_WITHHELD


@pytest.mark.parametrize(
    ("capture", "type_name", "flag"),
    [
        (NO_INPUTS, "gen_ai.user.message", EventFlag.INPUT_WITHHELD),
        (NO_OUTPUTS, "gen_ai.choice", EventFlag.OUTPUT_WITHHELD),
    ],
)
def test_apply_capture_to_log__message_of_a_call__is_dropped(capture: Capture, type_name: str, flag: EventFlag) -> None:
    log, flags = apply_capture_to_log(_log(type=type_name, message="secret plan", fields=b'{"body":"x"}'), capture)

    assert "secret plan" not in log.message
    assert "not captured" in log.message
    assert log.fields is None
    assert flags == flag


def test_apply_capture_to_log__ordinary_line__is_the_same_object() -> None:
    log = _log(message="starting", fields=b'{"port":80}')

    assert apply_capture_to_log(log, Capture(inputs=False, outputs=False, error_stacks=False)) == (log, 0)


def test_apply_capture_to_log__stack_of_an_exception__goes_with_error_stacks() -> None:
    fields = b'{"exception.type":"ValueError","exception.stacktrace":"at line 1"}'

    log, flags = apply_capture_to_log(_log(type="exception", fields=fields), Capture(error_stacks=False))

    assert log.fields == b'{"exception.type":"ValueError"}'
    assert flags == EventFlag.STACK_WITHHELD
