"""Checking results: after the commit, once, with reasons; whatever is not known is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from django.core.cache import cache
from django.utils import timezone

from observability.errors import InvalidError
from observability.ingest.records import Usage
from observability.models import Project
from observability.selectors.traces import get_trace
from observability.services.purge import delete_trace
from reruns.judge import MOST_REPLY_BYTES, JudgeUnavailableError, ask_judge
from reruns.models import Evaluation, JudgeSettings, Run, Trigger
from reruns.selectors.policies import get_policy
from reruns.selectors.triggers import get_trigger_detail
from reruns.services.evaluations import evaluate_runs, sweep_evaluations
from reruns.services.judges import remove_judge, set_judge
from reruns.services.judging import JudgesBusyError, judge_run
from reruns.services.results import record_answer
from reruns.services.sampling import create_sampling_config
from reruns.services.triggers import (
    Request,
    WorkflowSettings,
    cancel_trigger,
    request_step_reruns,
    request_workflow_rerun,
)
from reruns.wire.results import Answer, Outcome
from tests.records import make_event, write
from tests.reruns.conftest import SESSION, TRACE, find_ids, write_trace

SAME = {"type": "same_as_original"}
TOOL = {"type": "tool-called", "tool_name": "search"}


def make_outcome(output: bytes | None = b'"out"', *, ok: bool = True, **fields: Any) -> Outcome:
    given = {"error": "" if ok else "it broke", "duration_ms": 5, "usage": None, "number": None, **fields}
    return Outcome(ok=ok, output=output, **given)


def ask(project: Project, *checks: dict[str, Any], run_count: int = 1) -> Trigger:
    request = Request(policy=get_policy(project.pk), run_count=run_count, evaluations=list(checks))
    return request_workflow_rerun(request=request, trace=get_trace(project.pk, TRACE), settings=WorkflowSettings())


def answer(trigger: Trigger, *outcomes: Outcome) -> None:
    record_answer(project_id=trigger.project_id, trigger_id=trigger.pk, answer=Answer(outcomes=list(outcomes)))
    run_ids = list(trigger.runs.values_list("pk", flat=True))
    evaluate_runs(run_ids=run_ids)
    for run_id in run_ids:
        judge_run(run_id=run_id)


def list_statuses(trigger: Trigger) -> list[list[str]]:
    """Return by run what each check says of it."""
    return [list(run.evaluations.values_list("status", flat=True)) for run in trigger.runs.all()]


@pytest.fixture
def trace(store: None, project: Project) -> str:
    """The stored run of `chat`, whose workflow answered."""
    write_trace(project, output=b'{"answer": "A tarp.", "at": 1}')
    return TRACE


@pytest.mark.usefixtures("trace")
@pytest.mark.parametrize(
    ("check", "output", "status"),
    [
        (SAME, b'{"at": 1, "answer": "A tarp."}', "passed"),
        ({**SAME, "ignored_paths": ["at"]}, b'{"at": 2, "answer": "A tarp."}', "passed"),
        (SAME, b'{"at": 2, "answer": "A tarp."}', "failed"),
        ({**SAME, "match": "exact"}, b'{"at": 1, "answer": "A tarp."}', "failed"),
        ({**SAME, "match": "exact"}, b'{"answer": "A tarp.", "at": 1}', "passed"),
        ({**SAME, "match": "similarity"}, b'{"answer": "A tarp!", "at": 1}', "passed"),
        ({"type": "latency-budget", "max_duration_ms": 5}, b"1", "passed"),
        ({"type": "latency-budget", "max_duration_ms": 4.9}, b"1", "failed"),
        ({"type": "token-budget", "max_tokens": 5}, b"1", "skipped"),
        ({"type": "cost-budget", "max_cost_usd": 5}, b"1", "skipped"),
        (TOOL, b"1", "skipped"),
        ({"type": "determinism"}, b"1", "skipped"),
        ({"type": "llm-judge", "prompt": "Is it polite?"}, b"1", "skipped"),
    ],
)
def test_check__answered_run__has_the_verdict_with_a_reason(
    project: Project, check: dict[str, Any], output: bytes, status: str
) -> None:
    trigger = ask(project, check)

    answer(trigger, make_outcome(output))

    found = Evaluation.objects.get()
    assert (found.status, bool(found.reason), found.type) == (status, True, check["type"])


@pytest.mark.usefixtures("trace")
def test_checks__done_twice__are_stored_once_and_told_each_time(project: Project) -> None:
    trigger = ask(project, SAME)
    answer(trigger, make_outcome())
    before = Trigger.objects.get().version

    stored = evaluate_runs(run_ids=list(trigger.runs.values_list("pk", flat=True)))

    assert (stored, Evaluation.objects.count(), Trigger.objects.get().version) == (1, 1, before + 1)


@pytest.mark.usefixtures("trace")
def test_checks__of_a_run_without_an_answer__are_none(project: Project) -> None:
    trigger = ask(project, SAME)

    assert evaluate_runs(run_ids=list(trigger.runs.values_list("pk", flat=True))) == 0
    assert evaluate_runs(run_ids=[10**9]) == 0
    assert Evaluation.objects.count() == 0


@pytest.mark.usefixtures("trace")
def test_same_as_original__its_trace_is_deleted__is_skipped(project: Project) -> None:
    trigger = ask(project, SAME)
    delete_trace(project_id=project.pk, trace_id=TRACE)

    answer(trigger, make_outcome())

    assert (Evaluation.objects.get().status, Evaluation.objects.get().reason) == (
        "skipped",
        "The original trace is gone.",
    )


@pytest.mark.usefixtures("trace")
def test_same_as_original__step__is_compared_with_the_event(project: Project) -> None:
    request = Request(policy=get_policy(project.pk), evaluations=[SAME])
    trace, wanted = get_trace(project.pk, TRACE), [find_ids(project)["a"]]
    trigger = request_step_reruns(request=request, trace=trace, event_ids=wanted)

    answer(trigger, make_outcome(b"[1,2]"))

    assert Evaluation.objects.get().status == "passed"


@pytest.mark.usefixtures("trace")
@pytest.mark.parametrize(
    ("tool", "status", "reason"),
    [
        ("search", "passed", "search was called once."),
        ("refund", "failed", "refund was called never; at least once was asked for."),
    ],
)
def test_tool_called__run_with_events__is_told_by_them(project: Project, tool: str, status: str, reason: str) -> None:
    trigger = ask(project, {"type": "tool-called", "tool_name": tool})
    trigger.runs.update(trace_id="chat::2::run-1")
    write(
        project.pk,
        make_event("chat::2::run-1"),
        make_event("chat::2::run-1", "a", at=1, name="search", parent_span_id="root"),
        make_event("chat::2::run-1", "b", at=2, kind="ai", name="refund", parent_span_id="root"),
    )

    answer(trigger, make_outcome())

    assert (Evaluation.objects.get().status, Evaluation.objects.get().reason) == (status, reason)


@pytest.mark.usefixtures("trace")
def test_tool_called__its_event_comes_after_the_answer__is_found_by_the_second_look(project: Project) -> None:
    trigger = ask(project, TOOL, SAME)
    answer(trigger, make_outcome())
    trigger.runs.update(trace_id="chat::2::run-1")
    write(project.pk, make_event("chat::2::run-1", "a", kind="tool", name="search"))

    stored = evaluate_runs(run_ids=list(trigger.runs.values_list("pk", flat=True)), is_again=True)

    assert (stored, list_statuses(trigger)) == (1, [["passed", "failed"]])


@pytest.mark.usefixtures("trace")
def test_determinism__runs_still_to_come__waits_for_them(project: Project) -> None:
    trigger = ask(project, {"type": "determinism"}, run_count=3)
    answer(trigger, make_outcome(b'"a"'), make_outcome(b'"a"'))
    early = list_statuses(trigger)

    record_answer(
        project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[make_outcome(b'"something else"')])
    )
    evaluate_runs(run_ids=[trigger.runs.get(number=3).pk])

    assert (early, list_statuses(trigger)) == (
        [[], [], []],
        [["failed"], ["failed"], ["failed"]],
    )


@pytest.mark.usefixtures("trace")
def test_determinism__cancelled_before_the_last__is_told_of_those_that_answered(
    project: Project,
) -> None:
    trigger = ask(project, {"type": "determinism"}, run_count=3)
    answer(trigger, make_outcome(b'"a"'), make_outcome(b'"a"'))

    with patch("reruns.services.evaluations.current_app.send_task") as send_task:
        cancel_trigger(trigger=trigger, cancelled_by=None)
    task, (run_ids,) = send_task.call_args.args[0], send_task.call_args.kwargs["args"]
    evaluate_runs(run_ids=run_ids)

    first = Evaluation.objects.order_by("pk")[0]
    assert (task, len(run_ids)) == ("reruns.tasks.evaluate_runs", 2)
    assert list_statuses(trigger) == [["passed"], ["passed"], []]
    assert first.reason == "At least 100% alike in 2 runs. 1 more did not answer."
    assert get_trigger_detail(project.pk, trigger.pk).verdict == "failed"


def _write_run(project: Project, *, answered: bytes) -> None:
    """Store what a run of `chat` did: its model call of a cent and ten tokens, with this answer."""
    write(
        project.pk,
        make_event("chat::2::run-1", run_id="r", source="sdk"),
        make_event(
            "chat::2::run-1",
            "ai",
            at=1,
            kind="ai",
            name="gpt-4o-mini",
            parent_span_id="root",
            source="sdk",
            sdk_event_id=3,
            output=answered,
            cost_micros=10_000,
            usage=Usage(input=6, output=4, total=10),
        ),
    )


@pytest.mark.usefixtures("trace")
@pytest.mark.parametrize(
    ("answered", "taken"),
    [
        # What the recording says, under the number it was frozen under: nobody was asked.
        (b'"A tarp."', (0.0, 0)),
        (b'"Something new."', (0.01, 10)),
    ],
)
def test_budgets__model_call_frozen_or_live__count_what_was_spent(
    project: Project, answered: bytes, taken: tuple[float, int]
) -> None:
    checks = [{"type": "cost-budget", "max_cost_usd": 1}, {"type": "token-budget", "max_tokens": 100}]
    trigger = ask(project, *checks)
    trigger.runs.update(trace_id="chat::2::run-1")
    _write_run(project, answered=answered)

    answer(trigger, make_outcome())

    found = Evaluation.objects.order_by("position").values_list("status", "evidence")
    assert [(status, evidence["taken"]) for status, evidence in found] == [("passed", one) for one in taken]


@pytest.mark.usefixtures("trace")
@pytest.mark.parametrize(
    ("fields", "statuses"),
    [
        # All five calls came, and the SDK made none of them.
        ({"call_count": 5}, ["passed", "passed", "passed", "failed"]),
        ({"call_count": 0}, ["passed", "passed", "failed", "passed"]),
        # Nobody says how many came.
        ({}, ["skipped", "skipped", "skipped", "skipped"]),
    ],
)
def test_checks__of_calls_that_were_all_frozen__know_them_by_their_number(
    project: Project, fields: dict[str, Any], statuses: list[str]
) -> None:
    checks: list[dict[str, Any]] = [
        {"type": "cost-budget", "max_cost_usd": 0},
        {"type": "token-budget", "max_tokens": 1},
        TOOL,
        {**TOOL, "min_times": 0, "max_times": 0},
    ]
    trigger = ask(project, *checks)

    answer(trigger, make_outcome(**fields))

    assert list_statuses(trigger) == [statuses]


@pytest.mark.usefixtures("trace")
@pytest.mark.parametrize(
    ("tool", "status"), [("search", "passed"), ("price", "passed"), ("pack", "failed"), ("wrap", "skipped")]
)
def test_tool_called__only_live_calls_have_events__counts_the_frozen_ones_before_them(
    project: Project, tool: str, status: str
) -> None:
    shared: dict[str, Any] = {"parent_span_id": "root", "source": "sdk", "session_id": SESSION, "output": b"1"}
    write(project.pk, make_event(TRACE, "w", at=8, name="wrap", sdk_event_id=70, **shared))
    ids = find_ids(project)
    request = Request(policy=get_policy(project.pk), evaluations=[{"type": "tool-called", "tool_name": tool}])
    frozen = WorkflowSettings(frozen_event_ids=[ids[name] for name in "acefw"])
    trigger = request_workflow_rerun(request=request, trace=get_trace(project.pk, TRACE), settings=frozen)
    trigger.runs.update(trace_id="chat::2::run-1")
    write(
        project.pk,
        make_event("chat::2::run-1", run_id="r", source="sdk"),
        make_event(
            "chat::2::run-1", "b", at=1, name="price", sdk_event_id=2, run_id="r", **{**shared, "output": b"21"}
        ),
    )

    answer(trigger, make_outcome())

    assert list_statuses(trigger) == [[status]]


@pytest.mark.usefixtures("trace")
def test_budgets__the_source_is_gone__are_skipped_and_say_why(project: Project) -> None:
    trigger = ask(project, {"type": "cost-budget", "max_cost_usd": 1})
    trigger.runs.update(trace_id="chat::2::run-1")
    _write_run(project, answered=b"1")
    delete_trace(project_id=project.pk, trace_id=TRACE)

    answer(trigger, make_outcome())

    found = Evaluation.objects.get()
    assert (found.status, found.reason.startswith("Which calls were answered")) == ("skipped", True)


@pytest.mark.usefixtures("trace")
@pytest.mark.parametrize(("threshold", "outcome"), [("all", "failed"), ("majority", "passed"), ("any", "passed")])
def test_threshold__two_of_three_runs_pass__decides(project: Project, threshold: str, outcome: str) -> None:
    check = {"type": "output-contains", "substrings": ["tarp"], "pass_threshold": threshold}
    trigger = ask(project, check, run_count=3)

    answer(trigger, make_outcome(b'"tarp"'), make_outcome(b'"tarp"'), make_outcome(b'"rope"'))

    detail = get_trigger_detail(project.pk, trigger.pk)
    assert (detail.checks[0].outcome, detail.verdict) == (outcome, outcome)
    assert (detail.checks[0].passed, detail.checks[0].failed) == (2, 1)


@pytest.mark.usefixtures("trace")
def test_outcome__cancelled_run_without_an_answer__counts_as_failed(project: Project) -> None:
    trigger = ask(project, {"type": "output-contains", "substrings": ["tarp"]}, run_count=2)
    answer(trigger, make_outcome(b'"tarp"'))
    waiting = get_trigger_detail(project.pk, trigger.pk).verdict

    cancel_trigger(trigger=Trigger.objects.get(), cancelled_by=None)

    detail = get_trigger_detail(project.pk, trigger.pk)
    assert (waiting, detail.verdict, detail.checks[0].unanswered) == ("waiting", "failed", 1)


@pytest.mark.usefixtures("trace")
def test_sweep__message_was_lost__checks_what_is_missing(project: Project) -> None:
    trigger = ask(project, SAME)
    record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[make_outcome()]))
    too_early = sweep_evaluations()
    Run.objects.update(answered_at=timezone.now() - timedelta(minutes=10))

    assert (too_early, sweep_evaluations(), sweep_evaluations()) == (0, 1, 0)


@pytest.mark.parametrize(
    ("check", "named"),
    [
        ({"type": "toxicity"}, "evaluations[0]: type"),
        ({"type": "token-budget"}, "evaluations[0]: max_tokens"),
        ({"type": "token-budget", "max_tokens": "many"}, "evaluations[0]: max_tokens"),
        ({"type": "token-budget", "max_tokens": 1, "limit": 2}, "evaluations[0]: limit"),
        ({"type": "regex", "pattern": "("}, "evaluations[0]: pattern"),
        ({"type": "regex", "pattern": "a(?=b)"}, "evaluations[0]: pattern"),
        ({"type": "output-schema", "schema": {"type": "strin"}}, "evaluations[0]: schema"),
        ({"type": "output-schema", "schema": {"pattern": "a(?=b)"}}, "evaluations[0]: schema"),
        ({"type": "output-schema"}, "evaluations[0]: schema"),
        ({"type": "llm-judge", "prompt": "?", "score_threshold": 11}, "evaluations[0]: score_threshold"),
        ({**SAME, "pass_threshold": "most"}, "evaluations[0]: pass_threshold"),
        ({**SAME, "match": "exact", "ignored_paths": ["a"]}, "evaluations[0]: ignored_paths"),
    ],
)
def test_config__that_cannot_be_used__is_refused_naming_the_field(
    project: Project, check: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidError) as refused:
        create_sampling_config(
            project_id=project.pk, created_by=None, name="c", event_types=["tool"], evaluations=[check]
        )

    assert str(refused.value).startswith(named)


# -- the judge ---------------------------------------------------------------------------------------------------------


class _Endpoint(ThreadingHTTPServer):
    """A model server that answers as told, and keeps what it was asked."""

    daemon_threads = True
    reply: bytes = b""
    status = 200
    is_stuck = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str | None, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def say(self, content: str) -> None:
        self.reply = msgspec.json.encode({"choices": [{"message": {"content": content}}]})


class _Handler(BaseHTTPRequestHandler):
    server: _Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Authorization"], msgspec.json.decode(body)))
        if self.server.is_stuck:
            self.rfile.read(1)
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.reply)))
        self.end_headers()
        self.wfile.write(self.server.reply)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def endpoint() -> Iterator[_Endpoint]:
    with _Endpoint() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


JUDGE = {"type": "llm-judge", "prompt": "Is it polite?"}


@pytest.mark.usefixtures("trace")
@pytest.mark.parametrize(
    ("said", "status"),
    [
        ('{"score": 9, "reason": "Kind."}', "passed"),
        ('```json\n{"score": 7, "reason": ""}\n```', "passed"),
        ('{"score": 6.9, "reason": "Curt."}', "failed"),
        ('{"score": 70}', "error"),
        ("Lovely!", "error"),
    ],
)
def test_judge__answers__is_read_as_a_score(project: Project, endpoint: _Endpoint, said: str, status: str) -> None:
    endpoint.say(said)
    set_judge(project_id=project.pk, base_url=endpoint.url, model="local", key="sk-judge")
    trigger = ask(project, JUDGE)

    answer(trigger, make_outcome(b'"Dear customer"'))

    path, authorization, body = endpoint.asked[0]
    assert Evaluation.objects.get().status == status
    assert (path, authorization, body["model"]) == ("/v1/chat/completions", "Bearer sk-judge", "local")
    assert "Dear customer" in body["messages"][1]["content"]
    assert "Is it polite?" in body["messages"][1]["content"]


@pytest.mark.usefixtures("trace")
@pytest.mark.parametrize("status", [500, 302, 401])
def test_judge__refuses__is_an_error_and_no_verdict(project: Project, endpoint: _Endpoint, status: int) -> None:
    endpoint.status = status
    set_judge(project_id=project.pk, base_url=endpoint.url, model="local", key="")
    trigger = ask(project, JUDGE)

    answer(trigger, make_outcome())

    found = Evaluation.objects.get()
    assert (found.status, found.reason.startswith(f"The judge answered {status}")) == ("error", True)
    assert endpoint.asked[0][1] is None
    assert len(endpoint.asked) == 1


@pytest.mark.usefixtures("trace")
def test_judge__does_not_answer__holds_no_other_check_and_no_other_project(
    project: Project, endpoint: _Endpoint
) -> None:
    endpoint.is_stuck = True
    set_judge(project_id=project.pk, base_url=endpoint.url, model="local", key="")
    trigger = ask(project, JUDGE, SAME)

    record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[make_outcome(b"1")]))
    evaluate_runs(run_ids=list(trigger.runs.values_list("pk", flat=True)))

    assert list_statuses(trigger) == [["failed"]]
    assert endpoint.asked == []
    assert get_trigger_detail(project.pk, trigger.pk).checks[0].outcome == "waiting"


@pytest.mark.usefixtures("trace")
@pytest.mark.parametrize("taken", ["reruns.judging.{0}", "reruns.judging-place.0 reruns.judging-place.1"])
def test_judge__as_many_are_asked_as_may_be__comes_again(project: Project, endpoint: _Endpoint, taken: str) -> None:
    endpoint.say('{"score": 9}')
    set_judge(project_id=project.pk, base_url=endpoint.url, model="local", key="")
    trigger = ask(project, JUDGE)
    record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[make_outcome(b"1")]))
    (run_id,) = trigger.runs.values_list("pk", flat=True)
    places = taken.format(project.pk).split()
    cache.set_many(dict.fromkeys(places, 1))

    try:
        with pytest.raises(JudgesBusyError):
            judge_run(run_id=run_id)
        refused = len(endpoint.asked)
    finally:
        cache.delete_many(places)

    assert (refused, judge_run(run_id=run_id), judge_run(run_id=run_id)) == (0, 1, 0)
    assert len(endpoint.asked) == 1


@pytest.mark.usefixtures("trace")
def test_sweep__the_judge_s_message_was_lost__is_sent_again(project: Project, endpoint: _Endpoint) -> None:
    set_judge(project_id=project.pk, base_url=endpoint.url, model="local", key="")
    trigger = ask(project, JUDGE, SAME)
    record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[make_outcome(b"1")]))
    evaluate_runs(run_ids=list(trigger.runs.values_list("pk", flat=True)))
    Run.objects.update(answered_at=timezone.now() - timedelta(minutes=10))

    with patch("reruns.services.judging.current_app.send_task") as send_task:
        first, before = sweep_evaluations(), send_task.call_count
        sweep_evaluations()
    (run_id,) = trigger.runs.values_list("pk", flat=True)

    assert (first, before, send_task.call_count) == (1, 0, 0)
    cache.delete(f"reruns.judging-waits.{run_id}")
    with patch("reruns.services.judging.current_app.send_task") as send_task:
        sweep_evaluations()
        sweep_evaluations()
    assert [call.kwargs["args"] for call in send_task.call_args_list] == [[run_id]]
    judge_run(run_id=run_id)


def test_judge__nobody_listens_or_it_says_too_much_or_nothing__is_unavailable(endpoint: _Endpoint) -> None:
    endpoint.reply = b"x" * (MOST_REPLY_BYTES + 1)
    with pytest.raises(JudgeUnavailableError, match="more than"):
        ask_judge(base_url=endpoint.url, key="", body={})
    endpoint.is_stuck = True
    with pytest.raises(JudgeUnavailableError, match=r"within 0\.2 seconds"):
        ask_judge(base_url=endpoint.url, key="", body={}, timeout_seconds=0.2)
    with pytest.raises(JudgeUnavailableError, match="cannot be asked"):
        ask_judge(base_url="http://127.0.0.1:9/v1", key="", body={})


def test_judge_key__stored__is_encrypted_and_goes_to_no_other_address(project: Project) -> None:
    set_judge(project_id=project.pk, base_url="https://one.example/v1/", model="m", key="sk-secret")
    stored = bytes(JudgeSettings.objects.get().encrypted_key or b"")

    kept = set_judge(project_id=project.pk, base_url="https://one.example/v1", model="n", key=None).encrypted_key
    moved = set_judge(project_id=project.pk, base_url="https://two.example/v1", model="n", key=None)

    assert stored
    assert b"sk-secret" not in stored
    assert (bytes(kept or b""), moved.encrypted_key) == (stored, None)
    remove_judge(project_id=project.pk)
    remove_judge(project_id=project.pk)
    assert not JudgeSettings.objects.exists()


@pytest.mark.parametrize(
    "url", ["ftp://a", "https://", "https://u:p@a", "https://a?x=1", "https://a b", "http://a:99999", "javascript:1"]
)
def test_judge__address_that_cannot_be_used__is_refused(project: Project, url: str) -> None:
    with pytest.raises(InvalidError, match="baseUrl"):
        set_judge(project_id=project.pk, base_url=url, model="m", key=None)
