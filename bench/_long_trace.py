"""One long agent run as OTLP protobuf: of any number of events, nested six levels, of mixed kinds.

A run holds agents, an agent steps, a step a model call and a tool, a tool an HTTP call or a query, and that one a
retry now and then. One event in fifty failed; the newest few still run. Start times rise, and spans come in the order
in which they end, as SDKs send them: in the store the first rows of the tree are the last to arrive.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from bench.traces import MILLISECOND, encode_request, make_attribute

SPANS_PER_REQUEST = 1_000
_STEPS_PER_AGENT = 40
_RUNNING = 12
_WORDS = (
    "refund",
    "order",
    "policy",
    "customer",
    "parcel",
    "label",
    "window",
    "receipt",
    "address",
    "carrier",
    "boots",
    "size",
    "exchange",
    "return",
)


class LongTrace(NamedTuple):
    """A trace's id, and its spans in the order of their starts."""

    trace_id: str
    spans: list[Span]

    def name_span(self, place: int) -> str:
        """Return the span id of the event at a place in the order of starts."""
        return self.spans[place].span_id.hex()

    def make_requests(self) -> Iterator[bytes]:
        """Yield encoded requests of up to `SPANS_PER_REQUEST` spans."""
        spans = iter(sorted(self.spans, key=lambda span: span.end_time_unix_nano or 2**63))
        while batch := list(islice(spans, SPANS_PER_REQUEST)):
            yield encode_request(batch)


def make_long_trace(events: int, *, seed: int = 1, workflow: str = "returns_desk", is_ended: bool = False) -> LongTrace:
    """Return a run that began events times 20 ms ago. Runs of other seeds differ in words, times and some steps."""
    return _Maker(events, seed=seed, workflow=workflow, is_ended=is_ended).make()


class _Maker:
    def __init__(self, events: int, *, seed: int, workflow: str, is_ended: bool) -> None:
        self._chance = random.Random(seed)
        self._events, self._workflow, self._is_ended = events, workflow, is_ended
        self._trace_id = self._chance.randbytes(16)
        self._now = time.time_ns() - events * 20 * MILLISECOND
        self._spans: list[Span] = []

    def make(self) -> LongTrace:
        root = self._open(
            b"", self._workflow, {"openinference.span.kind": "CHAIN", "gen_ai.operation.name": "invoke_agent"}
        )
        while self._has_room():
            self._add_agent(root)
        self._close(root)
        if not self._is_ended:
            for span in (root, *self._spans[-_RUNNING:]):
                span.end_time_unix_nano = 0
        return LongTrace(self._trace_id.hex(), self._spans)

    def _has_room(self) -> bool:
        return len(self._spans) < self._events

    def _add_agent(self, root: Span) -> None:
        name = f"agent-{self._chance.randrange(6)}"
        agent = self._open(root.span_id, name, {"openinference.span.kind": "AGENT", "agent.name": name})
        for number in range(_STEPS_PER_AGENT):
            if self._has_room():
                self._add_step(agent, number)
        self._close(agent)

    def _add_step(self, agent: Span, number: int) -> None:
        step = self._open(agent.span_id, f"step {number}", {"openinference.span.kind": "CHAIN"})
        if self._has_room():
            read, written = 300 + self._chance.randrange(400), 100 + self._chance.randrange(300)
            model = {"openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "gpt-4o-mini"}
            counts = {"llm.token_count.prompt": read, "llm.token_count.completion": written}
            self._close(self._open(step.span_id, "ChatCompletion", {**model, **counts, **self._say()}), least=4)
        if self._has_room():
            self._add_tool(step)
        self._close(step)

    def _add_tool(self, step: Span) -> None:
        tool = self._open(step.span_id, "search_orders", {"openinference.span.kind": "TOOL", **self._say()})
        if self._has_room():
            is_http = self._chance.random() < 0.5
            url = f"https://api.internal/v2/items/{self._chance.randrange(10**6)}"
            http = {"http.request.method": "GET", "url.full": url}
            query = {"db.system": "postgresql", "db.query.text": "SELECT id, status FROM orders WHERE id = $1"}
            call = self._open(tool.span_id, "GET" if is_http else "SELECT orders", http if is_http else query)
            if self._has_room() and self._chance.random() < 0.2:
                self._close(self._open(call.span_id, "retry", {}))
            self._close(call)
        self._close(tool)

    def _say(self) -> dict[str, str | int]:
        asked, answered = (" ".join(self._chance.choices(_WORDS, k=count)) for count in (30, 20))
        return {"input.value": asked, "output.value": answered}

    def _open(self, parent: bytes, name: str, attributes: Mapping[str, str | int]) -> Span:
        self._now += (1 + self._chance.randrange(4)) * MILLISECOND
        given: list[KeyValue] = [make_attribute(key, value) for key, value in attributes.items()]
        span = Span(trace_id=self._trace_id, span_id=self._chance.randbytes(8), parent_span_id=parent, name=name)
        span.start_time_unix_nano = self._now
        span.attributes.extend(given)
        self._spans.append(span)
        return span

    def _close(self, span: Span, *, least: int = 1) -> None:
        self._now += (least + self._chance.randrange(6)) * MILLISECOND
        span.end_time_unix_nano = self._now
        failed = bool(span.parent_span_id) and self._chance.random() < 0.02
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_OK))
        if failed:
            event = span.events.add(time_unix_nano=self._now, name="exception")
            texts = {"exception.type": "ToolError", "exception.message": "upstream timed out after 30 s"}
            event.attributes.extend(make_attribute(key, value) for key, value in texts.items())
