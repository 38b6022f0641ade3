"""Two days of a returns desk, for pictures: what the demo's agents, started just now, cannot have sent.

A run is one turn of a customer's conversation: the agent plans with one model, looks the order up, reads the policy,
answers with another model and sends the reply. Conversations share a session. The prompt of the answer changes its text
24 hours ago, and with it the errors: one kind stays, one goes, one is new.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

MILLISECOND = 1_000_000
"""Nanoseconds."""
SECOND = 1_000 * MILLISECOND
DAY = 86_400 * SECOND

PROMPTS = (
    """You answer customers of Kestrel Outdoor who want to return something.
Goods can come back within 30 days, unused, with the label.
Quote the policy you were given. Never promise a refund.
Answer in at most 120 words.""",
    """You answer customers of Kestrel Outdoor who want to return something.
Goods can come back within 60 days, unused; the label is not needed.
Quote the policy you were given, with its section.
Say when the refund arrives: five working days after the parcel.
Answer in at most 90 words, in the customer's language.""",
)
_TURNS = (
    ("I want to return the boots from {order}, they are too small.", "Send them back unused; the label is attached."),
    ("I lost the label. Is that a problem?", "Not at all: section 2 says the order number is enough."),
    ("How long until I have my money back?", "Five working days after the parcel has reached us."),
    ("Can I swap them for 43 instead?", "Yes. We hold a pair of 43 for you for seven days."),
)
_CUSTOMERS = ("maeve.doyle", "jonas.brandt", "aiko.tanaka", "lucia.ferrer", "samir.haddad", "ines.moreau", "tom.whelan")
ASKED_TWICE = "orla.byrne"
"""Asks the same of the old prompt and of the new one."""
_STACK = """Traceback (most recent call last):
  File "/app/desk/agent.py", line 88, in answer
    result = await call(**arguments)
  File "/app/desk/{module}.py", line {line}, in {function}
    raise {error}({message!r})
{error}: {message}"""


@dataclass(frozen=True)
class Failure:
    """How one step of a run fails."""

    step: str
    error: str
    message: str
    line: int


_TIMEOUT = Failure("find_order", "CarrierTimeoutError", "the carrier did not answer within 10 s", 41)
_LIMIT = Failure("answer", "RateLimitError", "429: 40,000 tokens a minute are used up, try again in 8 s", 117)
_AMOUNT = Failure("send_reply", "ValidationError", "refund of 129.00 EUR is more than the order's total", 63)


def list_requests(*, now_ns: int, seed: int = 7, size: int = 100) -> Iterator[ExportTraceServiceRequest]:
    """Yield the two days as requests of some runs each, the oldest first; the same for the same seed and time."""
    request = _make_request()
    for place, spans in enumerate(list_runs(now_ns=now_ns, seed=seed), start=1):
        request.resource_spans[0].scope_spans[0].spans.extend(spans)
        if place % size == 0:
            yield request
            request = _make_request()
    yield request


def _make_request() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    for key, value in (
        ("service.name", "returns-desk"),
        ("service.version", "2.4.1"),
        ("deployment.environment", "live"),
    ):
        resource.resource.attributes.append(_attribute(key, value))
    resource.scope_spans.add().scope.name = "openinference.instrumentation.openai"
    return request


def list_runs(*, now_ns: int, seed: int) -> Iterator[list[Span]]:
    """Yield the spans of each run. More happens by day than by night, and more today than yesterday."""
    chance = random.Random(seed)
    moment = now_ns - 2 * DAY + 600 * SECOND
    number = 0
    while moment < now_ns - 900 * SECOND:
        number += 1
        turns = chance.choice((1, 2, 2, 3, 4))
        desk = _Desk(chance, number=number, user=chance.choice(_CUSTOMERS), is_new=moment > now_ns - DAY)
        for turn in range(turns):
            yield desk.run(turn, start=moment + turn * 170 * SECOND)
        hour = (moment / DAY) % 1 * 2 * math.pi
        pause = 240 * (1.35 - math.cos(hour + math.pi) * 0.6) * (0.8 if desk.is_new else 1.0)
        moment += round(pause * chance.uniform(0.6, 1.4)) * SECOND
    for is_new, start in ((False, now_ns - 26 * 3600 * SECOND), (True, now_ns - 3600 * SECOND)):
        yield _Desk(chance, number=0, user=ASKED_TWICE, is_new=is_new).run(1, start=start)


class _Desk:
    """One conversation."""

    def __init__(self, chance: random.Random, *, number: int, user: str, is_new: bool) -> None:
        self.is_new = is_new
        self._chance = chance
        self._order = f"KO-{20100 + number * 3}"
        self._user = user
        self._session = f"returns-{number:04d}"
        self._spans: list[Span] = []
        self._trace_id = b""
        self._root_id = b""

    def run(self, turn: int, *, start: int) -> list[Span]:
        """Return the spans of one turn, in the order in which they end."""
        chance = self._chance
        self._spans, self._trace_id, self._root_id = [], chance.randbytes(16), chance.randbytes(8)
        asked, answered = (text.format(order=self._order) for text in _TURNS[turn])
        answered += " Your refund arrives within five working days." if self.is_new else ""
        failure = None if self._user == ASKED_TWICE else self._choose_failure()
        end = self._add_steps(start + 3 * MILLISECOND, asked, answered, turn=turn, failure=failure)
        root = self._add("returnsAssistant", "AGENT", start, end - start, {"input.value": asked}, parent=b"")
        root.attributes.append(_attribute("session.id", self._session))
        root.attributes.append(_attribute("user.id", self._user))
        if turn == 3:
            root.attributes.append(_attribute("tag.tags", json.dumps(["exchange"])))
        if failure in (_LIMIT, _AMOUNT):
            _fail(root, failure)
        else:
            root.attributes.append(_attribute("output.value", answered))
        return self._spans

    def _choose_failure(self) -> Failure | None:
        drawn = self._chance.random()
        if self.is_new:
            return _AMOUNT if drawn < 0.035 else _TIMEOUT if drawn < 0.05 else None
        return _LIMIT if drawn < 0.022 else _TIMEOUT if drawn < 0.03 else None

    def _add_steps(self, start: int, asked: str, answered: str, *, turn: int, failure: Failure | None) -> int:
        """Add what happens within a turn; return when it is over."""
        history = [text.format(order=self._order) for pair in _TURNS[:turn] for text in pair]
        plan = "Look up the order, read the policy on returns, then answer."
        at = self._ask("plan", "gpt-4o-mini", start, [asked], plan, prompt=None, failure=None)
        found = {"order": self._order, "status": "delivered", "total_cents": 10900, "delivered_days_ago": 12}
        at = self._call("find_order", at, {"order": self._order}, found, failure=failure)
        policy = {"section": "2", "text": "Returns are free and need no label.", "score": 0.91}
        at = self._call("search_policy", at, {"query": asked}, policy, failure=None)
        if self.is_new:
            at = self._call("check_window", at, {"delivered_days_ago": 12}, {"is_open": True, "days": 60}, failure=None)
        name = "gpt-4o" if self.is_new else "claude-sonnet-4-20250514"
        at = self._ask("answer", name, at, [*history, asked], answered, prompt=int(self.is_new), failure=failure)
        return self._call("send_reply", at, {"to": self._user, "text": answered}, {"sent": True}, failure=failure)

    def _ask(
        self,
        name: str,
        model: str,
        start: int,
        said: list[str],
        answer: str,
        *,
        prompt: int | None,
        failure: Failure | None,
    ) -> int:
        lasts = round(self._chance.lognormvariate(6.6 if prompt is None else 7.1, 0.4)) * MILLISECOND
        system = "You plan the next steps of a returns agent." if prompt is None else PROMPTS[prompt]
        read, written = 220 + 90 * len(said) + self._chance.randrange(60), 40 + len(answer) // 3
        attributes: dict[str, Any] = {
            "llm.model_name": model,
            "llm.provider": "anthropic" if model.startswith("claude") else "openai",
            "llm.invocation_parameters": '{"temperature": 0.2, "max_tokens": 400}',
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": system,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": answer,
            "llm.token_count.prompt": read,
            "llm.token_count.completion": written,
            "llm.token_count.total": read + written,
        }
        for place, text in enumerate(said, start=1):
            attributes[f"llm.input_messages.{place}.message.role"] = "user" if place % 2 else "assistant"
            attributes[f"llm.input_messages.{place}.message.content"] = text
        if prompt is not None:
            attributes |= {"prompt.name": "returns-policy", "llm.prompt_template.version": f"v{prompt + 3}"}
        span = self._add(name, "LLM", start, lasts, attributes)
        if failure and failure.step == name:
            _fail(span, failure)
        return start + lasts + 2 * MILLISECOND

    def _call(
        self, name: str, start: int, given: dict[str, Any], result: dict[str, Any], *, failure: Failure | None
    ) -> int:
        is_failing = failure is not None and failure.step == name
        lasts = 10_000 if is_failing and failure is _TIMEOUT else round(self._chance.lognormvariate(4.6, 0.5))
        attributes = {"tool.name": name, "input.value": json.dumps(given), "input.mime_type": "application/json"}
        if not is_failing:
            attributes |= {"output.value": json.dumps(result), "output.mime_type": "application/json"}
        span = self._add(name, "TOOL", start, lasts * MILLISECOND, attributes)
        if is_failing and failure is not None:
            _fail(span, failure)
        return start + (lasts + 2) * MILLISECOND

    def _add(
        self, name: str, kind: str, start: int, lasts: int, attributes: dict[str, Any], *, parent: bytes | None = None
    ) -> Span:
        is_root = parent == b""
        span = Span(
            trace_id=self._trace_id,
            span_id=self._root_id if is_root else self._chance.randbytes(8),
            parent_span_id=b"" if is_root else self._root_id,
            name=name,
            start_time_unix_nano=start,
            end_time_unix_nano=start + lasts,
            status=Status(code=Status.STATUS_CODE_OK),
        )
        span.attributes.append(_attribute("openinference.span.kind", kind))
        span.attributes.extend(_attribute(key, value) for key, value in attributes.items())
        self._spans.append(span)
        return span


def _fail(span: Span, failure: Failure) -> None:
    span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=failure.message))
    stack = _STACK.format(
        module=failure.step,
        line=failure.line,
        function=failure.step,
        error=failure.error,
        message=failure.message,
    )
    point = span.events.add(time_unix_nano=span.end_time_unix_nano, name="exception")
    for key, value in (("type", failure.error), ("message", failure.message), ("stacktrace", stack)):
        point.attributes.append(_attribute(f"exception.{key}", value))


def _attribute(key: str, value: str | int) -> KeyValue:
    if isinstance(value, str):
        return KeyValue(key=key, value=AnyValue(string_value=value))
    return KeyValue(key=key, value=AnyValue(int_value=value))
