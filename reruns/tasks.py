"""Celery adapters: ids in, one service call. Every task may run twice and run late."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from reruns.services import connections, delivery, evaluations, expiry, judging, sampling, triggers


@shared_task(ignore_result=True)
def sweep_reruns() -> None:
    """End the reruns whose time is over, and send those that a lost message left waiting."""
    triggers.expire_triggers()
    delivery.deliver_waiting()


@shared_task(ignore_result=True)
def sweep_connections() -> None:
    """Close the sockets of web processes that are gone."""
    connections.sweep_connections()


@shared_task(ignore_result=True)
def sample_traces(project_id: int, trace_ids: list[str]) -> None:
    """Run traces again that a sampling config takes. One that is gone, or decided on, is nothing to do."""
    for trace_id in trace_ids:
        sampling.sample_trace(project_id=project_id, trace_id=trace_id)


@shared_task(ignore_result=True)
def sweep_samples() -> None:
    """Find the traces that a lost message left undecided, or that still grew when it came."""
    for project_id, trace_id in sampling.list_missed_traces():
        sampling.sample_trace(project_id=project_id, trace_id=trace_id)
    sampling.forget_decisions()


@shared_task(ignore_result=True)
def evaluate_runs(run_ids: list[int], *, is_again: bool = False) -> None:
    """Check answered runs; `is_again`: what looks at their events. Runs that are gone are nothing to do."""
    evaluations.evaluate_runs(run_ids=run_ids, is_again=is_again)


@shared_task(ignore_result=True, bind=True, max_retries=judging.MOST_WAITS)
def judge_run(self: Any, run_id: int) -> None:
    """Ask the judge about a run. While others are being asked it comes again; what waits too long is swept up later."""
    try:
        judging.judge_run(run_id=run_id)
    except judging.JudgesBusyError as busy:
        raise self.retry(exc=busy, countdown=judging.find_wait_seconds(self.request.retries)) from busy


@shared_task(ignore_result=True)
def sweep_evaluations() -> None:
    """Check what a lost message left unchecked."""
    evaluations.sweep_evaluations()


@shared_task(ignore_result=True)
def forget_old_reruns() -> None:
    """Delete reruns that are past their project's retention."""
    expiry.forget_old_reruns()
