"""Handing triggers to SDKs. The row is the truth; each attempt is a row of its own.

From anywhere, `deliver` chooses a socket and asks the web process that holds it. That process, and nobody else, calls
`begin_delivery` right before it emits. It also calls it for what waits when an SDK registers or sends its heartbeat,
and before a reply to a batch of events, so a trigger finds its way with Valkey dead as well.

1. `begin_delivery` locks the row, so of two ways that meet one comes second and sees that the other was first.
2. It marks the trigger as sent before the socket is written to: a crash in between leaves a trigger that is sent again
   when the SDK registers. SDKs run a trigger number once.
3. Portal tasks and direct reruns are not known to be run once, so they are never sent again.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from msgspec import UNSET, Raw

from observability.errors import ObservabilityError
from observability.selectors.traces import get_trace
from reruns import outbound
from reruns.errors import NotReplayableError, TooLargeError
from reruns.models import Delivery, RunConfig, SdkConnection, Trigger
from reruns.selectors.connections import can_take, choose_connection, is_reachable, list_takers, takes_reruns
from reruns.selectors.replay import find_workflow_input, get_slots_by_id, load_originals
from reruns.services.connections import close_process
from reruns.services.transitions import finish_trigger, lock_trigger, save_trigger
from reruns.wire.messages import Message, Step, make_portal_task, make_step_signal, make_workflow_signal

MOST_BYTES = 4 * 2**20
"""Of a message to an SDK; its inputs are most of it."""
AGAIN_AFTER = timedelta(seconds=30)
"""A trigger that was sent rides on a reply to a batch when there was no sign of it for so long."""
_EXPLANATIONS = {
    "gone": "The web process of its socket is gone.",
    "silent": "The web process of its socket does not answer.",
    "unreachable": "Valkey cannot be reached; it goes out with the SDK's next heartbeat or batch.",
    "refused": "The socket has closed.",
}


def deliver_after_commit(trigger: Trigger) -> None:
    """Deliver once the transaction is committed; a failure to do so leaves the trigger pending."""
    trigger_id = trigger.pk
    transaction.on_commit(lambda: deliver(trigger_id), robust=True)


def deliver(trigger_id: int) -> bool:
    """Send a waiting trigger to the socket it is for, if there is one; say whether it went out.

    Waits for the process that holds the socket, `outbound.ANSWER_SECONDS` at most.
    """
    trigger = Trigger.objects.filter(pk=trigger_id, state=Trigger.State.PENDING).first()
    if trigger is None:
        return False
    connection, why = choose_connection(trigger)
    if connection is None:
        _note(trigger_id, why)
        return False
    return _ask_process(trigger_id, connection) == "delivered"


def deliver_waiting() -> int:
    """Try the waiting triggers of projects with open sockets: what a lost message left. Returns how many went out.

    A process that does not answer is asked once, and not for the others: each would wait as long for nothing.
    """
    waiting = Trigger.objects.filter(state=Trigger.State.PENDING, expires_at__gt=timezone.now())
    projects = SdkConnection.objects.filter(closed_at=None).values("project")
    delivered = 0
    stuck: set[str] = set()
    for trigger in waiting.filter(project__in=projects).order_by("pk")[:200]:
        connection, why = choose_connection(trigger)
        if connection is None:
            _note(trigger.pk, why)
        elif connection.process not in stuck:
            answer = _ask_process(trigger.pk, connection)
            delivered += answer == "delivered"
            if answer in ("silent", "unreachable"):
                stuck.add(connection.process)
    return delivered


def _ask_process(trigger_id: int, connection: SdkConnection) -> outbound.Answer:
    answer = outbound.ask_to_deliver(process=connection.process, sid=connection.sid, trigger_id=trigger_id)
    if answer == "gone":
        close_process(connection.process, because="Its web process is gone.")
    if answer != "delivered":
        _record_failure(trigger_id, connection, _EXPLANATIONS[answer])
    return answer


def list_deliverable(connection: SdkConnection, *, is_registering: bool) -> list[int]:
    """Return the triggers to send to a socket: those that wait for it, and on registering what it did not answer.

    Two queries, one on `triggers_live`, and one more for each trigger that waits for nobody in particular.
    """
    live = Trigger.objects.filter(project=connection.project_id, expires_at__gt=timezone.now()).order_by("pk")
    unanswered = Q(state__in=[Trigger.State.SENT, Trigger.State.RUNNING], session_id=connection.session_id)
    wanted = Q(state=Trigger.State.PENDING)
    if is_registering:
        wanted |= unanswered & _is_run_once()
    takers = list_takers(connection.project_id)
    return [
        row.pk for row in live.filter(wanted) if row.state != Trigger.State.PENDING or can_take(connection, row, takers)
    ]


def begin_delivery(*, trigger_id: int, sid: str, channel: str) -> Message | None:
    """Mark a trigger as sent to a socket of this process and return what to emit; None when it is not to be sent.

    A trigger whose values are gone is failed, saying so.
    """
    with transaction.atomic():
        connections = SdkConnection.objects.filter(takes_reruns(), sid=sid, closed_at=None)
        connection = connections.first()
        trigger = lock_trigger(trigger_id) if connection else None
        if connection is None or trigger is None or not _may_go_to(trigger, connection, channel):
            return None
        return _send(trigger, session_id=connection.session_id, sid=sid, channel=channel)


def begin_reply(*, project_id: int, session_id: str) -> Message | None:
    """As `begin_delivery`, for the reply to a batch of a session: the oldest trigger that is for it (B1.2).

    Not while the session has a socket: that is sure to be heard, and clients that have one may not read replies.
    """
    if is_reachable(project_id, session_id):
        return None
    own = Q(session_id=session_id) | Q(session_id="", requested_session_id=session_id)
    ready = Q(state=Trigger.State.PENDING) | Q(state=Trigger.State.SENT, last_at__lt=timezone.now() - AGAIN_AFTER)
    found = Trigger.objects.filter(_is_run_once(), own, project=project_id, state__in=Trigger.LIVE_STATES)
    with transaction.atomic():
        ripe = found.annotate(last_at=Max("deliveries__at")).filter(ready, expires_at__gt=timezone.now())
        trigger_id = ripe.order_by("pk").values_list("pk", flat=True).first()
        if trigger_id is None:
            return None
        trigger = lock_trigger(trigger_id)
        if trigger.state not in (Trigger.State.PENDING, Trigger.State.SENT):
            return None
        return _send(trigger, session_id=session_id, sid="", channel=Delivery.Channel.INGEST)


def list_replying_sessions() -> set[tuple[int, str]]:
    """Return project and session of every trigger that a reply to a batch may carry. One query on `triggers_live`."""
    live = Trigger.objects.filter(_is_run_once(), state__in=[Trigger.State.PENDING, Trigger.State.SENT])
    rows = live.values_list("project_id", "session_id", "requested_session_id")
    return {(project_id, session or requested) for project_id, session, requested in rows if session or requested}


def take_back(trigger_id: int, *, sid: str) -> None:
    """Have a trigger wait again whose socket turned out to be closed when it was to be written to."""
    with transaction.atomic():
        trigger = lock_trigger(trigger_id)
        # One that went out before may be run by now: it stays its session's.
        is_first = trigger.deliveries.filter(is_delivered=True).count() <= 1
        if trigger.state == Trigger.State.SENT and is_first:
            trigger.state = Trigger.State.PENDING
            trigger.session_id = ""
            trigger.sent_at = None
            trigger.detail = _EXPLANATIONS["refused"]
            save_trigger(trigger)
        trigger.deliveries.filter(sid=sid).update(is_delivered=False, detail=_EXPLANATIONS["refused"])


def _is_run_once() -> Q:
    """Return the condition for triggers whose SDK runs their number once, however often it comes."""
    return Q(is_direct=False) & ~Q(mode=Trigger.Mode.PORTAL)


def _may_go_to(trigger: Trigger, connection: SdkConnection, channel: str) -> bool:
    if trigger.project_id != connection.project_id or not trigger.is_live or trigger.expires_at <= timezone.now():
        return False
    if trigger.state == Trigger.State.PENDING:
        return trigger.session_id in ("", connection.session_id) and (
            trigger.requested_session_id in ("", connection.session_id)
        )
    is_run_once = not trigger.is_direct and trigger.mode != Trigger.Mode.PORTAL
    return channel == Delivery.Channel.REGISTER and is_run_once and trigger.session_id == connection.session_id


def _send(trigger: Trigger, *, session_id: str, sid: str, channel: str) -> Message | None:
    """Build the message of a locked trigger and mark it as sent."""
    try:
        message = _build_message(trigger)
    except ObservabilityError as error:
        finish_trigger(trigger, Trigger.State.FAILED, f"It cannot be sent: {error}")
        return None
    if trigger.state == Trigger.State.PENDING:
        trigger.state = Trigger.State.SENT
        trigger.sent_at = timezone.now()
        trigger.session_id = session_id
        trigger.detail = ""
    save_trigger(trigger)
    Delivery.objects.create(trigger=trigger, channel=channel, session_id=session_id, sid=sid, is_delivered=True)
    return message


def _build_message(trigger: Trigger) -> Message:
    if trigger.mode == Trigger.Mode.WORKFLOW:
        message = _build_workflow(trigger)
    else:
        steps = msgspec.convert(trigger.steps, list[Step])
        filled = _fill_inputs(trigger.project_id, steps)
        if trigger.mode == Trigger.Mode.PORTAL:
            step, given = filled[0]
            message = make_portal_task(task_id=trigger.task_id, step=step, given=given)
        else:
            message = make_step_signal(trigger_id=trigger.pk, run_count=trigger.run_count, steps=filled)
    size = len(msgspec.json.encode(message.payload))
    if size > MOST_BYTES:
        raise TooLargeError(f"its inputs make a message of {size} bytes, and at most {MOST_BYTES} are sent.")
    return message


def _build_workflow(trigger: Trigger) -> Message:
    config = RunConfig.objects.get(trigger=trigger)
    given = config.workflow_input
    if config.input_source == RunConfig.InputSource.TRACE:
        trace = get_trace(trigger.project_id, trigger.trace_id)
        text = find_workflow_input(trigger.project_id, trace)
        given = None if text is None else msgspec.json.decode(text)
    return make_workflow_signal(
        trigger_id=trigger.pk,
        run_config_id=str(config.pk),
        run_count=trigger.run_count,
        workflow_name=config.workflow_name,
        workflow_input=given,
        is_direct=trigger.is_direct,
    )


def _fill_inputs(project_id: int, steps: list[Step]) -> list[tuple[Step, object]]:
    """Give each step its input: the caller's, or what the event was given, unredacted, with the event's own name."""
    wanted = [step.event_id for step in steps if step.event_id is not None]
    rows = get_slots_by_id(project_id, wanted)
    originals = dict(zip((row["id"] for row in rows), load_originals(project_id, rows), strict=True))
    filled: list[tuple[Step, object]] = []
    for step in steps:
        if step.input is not UNSET:
            filled.append((step, step.input))
            continue
        original = originals.get(step.event_id or 0)
        if original is None:
            raise NotReplayableError("an event it was to run again is not stored any more.")
        if reason := original.find_loss("name", "input"):
            raise NotReplayableError(reason)
        named = msgspec.structs.replace(step, event_name=original.name)
        filled.append((named, msgspec.json.decode(Raw(original.input or b"null"))))
    return filled


def _note(trigger_id: int, why: str) -> None:
    """Keep why a trigger waits, where its reader looks."""
    with transaction.atomic():
        trigger = lock_trigger(trigger_id)
        if trigger.state == Trigger.State.PENDING and trigger.detail != why:
            trigger.detail = why
            save_trigger(trigger)


def _record_failure(trigger_id: int, connection: SdkConnection, why: str) -> None:
    Delivery.objects.create(
        trigger_id=trigger_id,
        channel=Delivery.Channel.SOCKET,
        session_id=connection.session_id,
        sid=connection.sid,
        is_delivered=False,
        detail=why,
    )
    _note(trigger_id, why)
