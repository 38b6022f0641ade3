"""What an SDK answers, in every shape it comes in (B1.6, B6.6, B6.18).

Readings are lenient, as clients differ: only what names neither a run nor a value is an error.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from observability.ingest.sdk.usage import find_usage
from observability.ingest.text import as_json_text, clean_message, clean_text, encode_json
from reruns.errors import ResultUnreadableError

ERROR_LIMIT = 4_000
MOST_OUTCOMES = 1_000
MOST_CALLS = 1_000_000


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one run went. `number` is the run's, from 1, where the answer names it; `call_count` how many replayable
    calls it came to, frozen ones among them, where the client says so.
    """

    ok: bool
    output: bytes | None
    error: str
    duration_ms: float | None
    usage: dict[str, int] | None
    number: int | None = None
    call_count: int | None = None


class StepAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one step, found by its event's number, or else by type and name."""

    event_id: int | None
    event_type: str | None
    event_name: str | None
    outcomes: list[Outcome]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """All that one message answers: runs of a workflow or portal task, or runs by step."""

    outcomes: list[Outcome] = []
    steps: list[StepAnswer] = []


class _Outcome(msgspec.Struct, rename="camel"):
    ok: object = None
    output: Raw = Raw(b"null")
    error: object = None
    duration_ms: object = None
    usage: Raw = Raw(b"null")
    run_index: object = None
    call_count: object = None


class _Step(_Outcome, rename="camel"):
    original_event_db_id: object = None
    event_db_id: object = None
    event_type: object = None
    event_name: object = None
    results: list[_Outcome] | None = None
    runs: list[_Outcome] | None = None


class _Body(_Outcome, rename="camel"):
    mode: object = None
    steps: list[_Step] | None = None
    results: list[_Outcome] | None = None
    runs: list[_Outcome] | None = None


_decoder = msgspec.json.Decoder(_Body)


def read_answer(body: bytes) -> Answer:
    """Return what a message answers. Raises `ResultUnreadableError` naming what is wrong."""
    read = _decode(body)
    if read.steps:
        return _bound(Answer(steps=[_read_step(step) for step in read.steps]))
    several = read.results if read.results is not None else read.runs
    return _bound(Answer(outcomes=[_read_outcome(item) for item in ([read] if several is None else several)]))


def _decode(body: bytes) -> _Body:
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise ResultUnreadableError(f"body: {error}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        # NaN and half characters, which some clients write.
        mended = as_json_text(body.decode(errors="replace"))
    try:
        return _decoder.decode(mended or b"")
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ResultUnreadableError("body: not JSON that can be read") from error


def _bound(answer: Answer) -> Answer:
    count = len(answer.outcomes) + sum(len(step.outcomes) for step in answer.steps)
    if count > MOST_OUTCOMES:
        raise ResultUnreadableError(f"body: {count} results, at most {MOST_OUTCOMES} are taken at once")
    return answer


def _read_step(step: _Step) -> StepAnswer:
    several = step.results if step.results is not None else step.runs
    event_id = step.original_event_db_id if step.original_event_db_id is not None else step.event_db_id
    return StepAnswer(
        event_id=read_number(event_id),
        event_type=step.event_type if isinstance(step.event_type, str) else None,
        event_name=step.event_name if isinstance(step.event_name, str) else None,
        outcomes=[_read_outcome(item) for item in ([step] if several is None else several)],
    )


def _read_outcome(item: _Outcome) -> Outcome:
    error = _read_error(item.error)
    output = bytes(item.output)
    count = read_number(item.call_count)
    index = read_number(item.run_index)
    return Outcome(
        ok=item.ok if isinstance(item.ok, bool) else not error,
        output=None if output == b"null" else output,
        error=error,
        duration_ms=_read_duration(item.duration_ms),
        usage=_read_usage(item.usage),
        # On the wire runs count from 0.
        number=None if index is None else index + 1,
        call_count=count if count is not None and count <= MOST_CALLS else None,
    )


def _read_error(value: object) -> str:
    if value is None or value is False:
        return ""
    text = value if isinstance(value, str) else clean_message(value) or encode_json(value).decode()
    return clean_text(text)[:ERROR_LIMIT]


def _read_duration(value: object) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= float(value) < 1e12 else None  # type: ignore[arg-type]


def _read_usage(raw: Raw) -> dict[str, int] | None:
    usage, _ = find_usage(raw)
    if usage is None:
        return None
    values: dict[str, Any] = {"input": usage.input, "output": usage.output, "total": usage.total}
    return {name: value for name, value in values.items() if value is not None}


def read_number(value: object) -> int | None:
    """Return a whole number from 0 that Postgres can hold, also from digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**63 else None
