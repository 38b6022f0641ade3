"""Saving a run as a test that replays it offline.

The file holds in clear what the run's calls were given and answered, as the SDK would be sent it for a rerun. So it
takes the right to rerun, and whoever gets one is in the audit log.
"""

from __future__ import annotations

from auditlog.models import LogEntry
from msgspec import Raw

from observability.errors import InvalidError
from observability.models import Project, User
from observability.selectors.shapes import TraceSummary
from reruns.errors import TooLargeError
from reruns.saved_tests.writing import SavedCall, SavedRun, is_function, write_test
from reruns.selectors.replay import find_workflow_values, freeze_slots, list_slots, require_replayable

MOST_BYTES = 16 * 2**20


def save_test(
    *, project_id: int, trace: TraceSummary, function: str, user: User | None, key_id: int | None
) -> tuple[SavedRun, str]:
    """Return the run and its file, and note in the audit log who got it. The caller is sure that they may rerun.

    `function` is what the test calls, `module:function`; empty leaves it to an environment variable. Raises
    `InvalidError` for anything else, `NothingToRerunError`, and `TooLargeError` past `MOST_BYTES`.
    """
    if function and not is_function(function):
        raise InvalidError("function: give module:function, such as app.workflows:chat")
    slots = list_slots(project_id, trace)
    require_replayable(slots)
    frozen, reasons, counted = freeze_slots(project_id, slots, None)
    found = {event.event_db_id: event for event in frozen}
    calls = [
        SavedCall(
            id=slot.ordinal,
            kind=slot.kind,
            name=slot.name if slot.event_id in reasons else found[slot.event_id].name,
            input=Raw(b"null") if slot.event_id in reasons else found[slot.event_id].input,
            output=Raw(b"null") if slot.event_id in reasons else found[slot.event_id].output,
            reason=reasons.get(slot.event_id, ""),
        )
        for slot in counted
    ]
    given, answered = find_workflow_values(project_id, trace)
    run = SavedRun(
        workflow_name=trace.workflow_name,
        trace_id=trace.trace_id,
        recorded_at=trace.started_at,
        calls=calls,
        input=given,
        output=answered,
        function=function,
    )
    text = write_test(run)
    if len(text) > MOST_BYTES:
        raise TooLargeError(f"The test would hold {len(text)} bytes; at most {MOST_BYTES} are written.")
    _note(project_id, trace, user=user, key_id=key_id, calls=len(calls))
    return run, text


def _note(project_id: int, trace: TraceSummary, *, user: User | None, key_id: int | None, calls: int) -> None:
    LogEntry.objects.log_create(
        Project.objects.get(pk=project_id),
        force_log=True,
        action=LogEntry.Action.ACCESS,
        actor=user,
        additional_data={"saved_test": trace.trace_id, "calls": calls, "api_key": key_id},
    )
