"""Hypothesis strategies: halves of a few events of a few traces, contradicting each other in every way allowed."""

from __future__ import annotations

from hypothesis import strategies as st

from observability.ingest.records import EventRecord, LogRecord, Usage
from tests.records import START_US, make_event, make_log

# Few values each, so that halves of the same event, and the same half twice, are common.
_texts = st.sampled_from([None, "a", "b", "c"])
_values = st.sampled_from([None, b'"x"', b'"yy"', b'{"k":1}', b'{"password":"hunter22"}'])
_starts = st.integers(0, 2).map(lambda second: START_US + second * 1_000_000)


@st.composite
def event_records(draw: st.DrawFn, *, traces: int = 2) -> EventRecord:
    """Draw one half of one of a few events."""
    started = draw(_starts)
    ended = draw(st.sampled_from([None, started, started + 1_000_000, started + 2_500_000]))
    kind = draw(st.sampled_from(["ai", "tool", "span"]))
    tokens = draw(st.sampled_from([None, 1, 7]))
    return make_event(
        trace_id=f"trace-{draw(st.integers(1, traces))}",
        span_id=draw(st.sampled_from(["s1", "s2"])),
        started_at_us=started,
        ended_at_us=ended,
        kind=kind,
        name=draw(st.sampled_from(["plan", "answer"])),
        status="running" if ended is None else draw(st.sampled_from(["ok", "error", "unset"])),
        parent_span_id=draw(st.sampled_from([None, "", "s1"])),
        model=draw(st.sampled_from([None, "gpt-4o", "gpt-4o-mini"])),
        usage=None if tokens is None else Usage(input=tokens, output=tokens, total=2 * tokens),
        cost_micros=draw(st.sampled_from([None, 5])),
        workflow_name=draw(_texts),
        session_id=draw(_texts),
        user_id=draw(_texts),
        error_message=draw(_texts),
        tags=tuple(draw(st.sampled_from([(), ("t1",), ("t1", "t2")]))),
        prompt_hash=draw(st.sampled_from([None, "f" * 64])),
        input=draw(_values),
        output=draw(_values),
        attributes=draw(_values),
        error_stack=draw(_texts),
    )


@st.composite
def log_records(draw: st.DrawFn, *, traces: int = 2) -> LogRecord:
    """Draw one of a few log records."""
    return make_log(
        trace_id=draw(st.sampled_from(["", *(f"trace-{n}" for n in range(1, traces + 1))])),
        logged_at_us=draw(_starts),
        message=draw(st.sampled_from(["one", "two"])),
    )


requests = st.lists(st.lists(st.one_of(event_records(), log_records()), min_size=1, max_size=5), min_size=1, max_size=6)
"""A few requests of a few records each."""
