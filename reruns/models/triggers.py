"""Requests to an SDK to run again, the runs they lead to, and how they were delivered."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from observability.models import ApiKey, Project, User
from reruns.models.sampling import SamplingConfig


class Trigger(models.Model):
    """One request to run again. The row is the truth; sockets and replies only carry it.

    ::

        pending ──► sent ──► running ──► completed   every run answered, all well
           │         │          │    └─► failed      every run answered, one or more failed
           │         │          │
           └─────────┴──────────┴──────► expired     `expires_at` passed; keeps what arrived
                                    └──► cancelled   somebody did not want it any more

    `sent` takes an open socket or an SDK's own request that carried it. An answer may come in any state, also
    `pending`: the delivery that brought it about may be known to the SDK alone. The last four states are final: what
    arrives later is kept with its run, marked late, and changes no state. Only `services.triggers`, `services.results`
    and `services.delivery` change states, each under a lock of this row.

    `session_id` is whom it was sent to, and once sent it belongs to that session: another might run it twice.
    """

    class Mode(models.TextChoices):
        WORKFLOW = "workflow", "Workflow"
        STEP = "step", "Steps"
        PORTAL = "portal", "One call"

    class State(models.TextChoices):
        PENDING = "pending", "Waiting for an SDK"
        SENT = "sent", "Sent"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"
        CANCELLED = "cancelled", "Cancelled"

    LIVE_STATES = (State.PENDING, State.SENT, State.RUNNING)

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="triggers")
    mode = models.CharField(max_length=8, choices=Mode)
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    # Of the trace it came from, which may be deleted meanwhile; "" for a call that was typed in.
    trace_id = models.CharField(max_length=255, blank=True)
    workflow_name = models.CharField(max_length=400, blank=True)
    is_direct = models.BooleanField(default=False, help_text="Sent as `workflow:rerun`, not as `trigger`.")
    run_count = models.PositiveSmallIntegerField(default=1)
    # What to run: `reruns.wire.steps.Step` as JSON, in order. Inputs that come from the trace are not copied here.
    steps = models.JSONField(default=list, blank=True)
    # What is to be checked of each result, and how many must pass: read by `services/evaluations`.
    evaluations = models.JSONField(default=list, blank=True)
    requested_session_id = models.CharField(max_length=200, blank=True, help_text="Empty: any that can run it.")
    session_id = models.CharField(max_length=200, blank=True)
    # Whom its state is about, in a sentence: why it waits, why it failed.
    detail = models.TextField(blank=True)
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    requested_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    sampling_config = models.ForeignKey(
        SamplingConfig, on_delete=models.SET_NULL, null=True, blank=True, related_name="triggers"
    )
    cancelled_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    version = models.PositiveIntegerField(default=1, help_text="Counts the changes, for live pages.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    running_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "triggers"
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            # The list of a project, newest first.
            models.Index(fields=["project", "-id"], name="triggers_newest"),
            # The reruns of one trace.
            models.Index(fields=["project", "trace_id", "-id"], name="triggers_by_trace"),
            # Everything that waits or runs: what a session is sent when it registers, and what may have expired.
            models.Index(
                fields=["project", "session_id", "expires_at"],
                condition=Q(state__in=["pending", "sent", "running"]),
                name="triggers_live",
            ),
        ]
        constraints: ClassVar = [
            # A final state says when it came about.
            models.CheckConstraint(
                condition=Q(finished_at=None, state__in=["pending", "sent", "running"])
                | Q(finished_at__isnull=False, state__in=["completed", "failed", "expired", "cancelled"]),
                name="trigger_finished_when_final",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mode} rerun {self.pk}"

    @property
    def is_live(self) -> bool:
        """Whether it waits or runs."""
        return self.state in self.LIVE_STATES

    @property
    def task_id(self) -> str:
        """The name a portal task has on the wire."""
        return f"task-{self.pk}"


class Run(models.Model):
    """One of the runs a trigger asks for: `run_count` of the workflow, of each step, or one call. Made with it.

    A run has at most one result; the first that arrives is kept. `trace_id` is the trace that its own events became.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"
        CANCELLED = "cancelled", "Cancelled"

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="runs")
    # Place in `Trigger.steps`; 0 for a workflow.
    step = models.PositiveSmallIntegerField(default=0)
    # From 1, among the runs of the step.
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    ok = models.BooleanField(null=True, blank=True)
    # JSON text as `ingest.payloads.pack` stores it, redacted and captured as the project wishes.
    output = models.BinaryField(null=True, blank=True)
    output_bytes = models.PositiveIntegerField(null=True, blank=True)
    # Its beginning, so that lists need not read it.
    output_preview = models.TextField(blank=True)
    error = models.TextField(blank=True)
    duration_ms = models.FloatField(null=True, blank=True)
    usage = models.JSONField(null=True, blank=True)
    # Calls the run came to, frozen ones among them, if the SDK says so.
    call_count = models.PositiveIntegerField(null=True, blank=True)
    trace_id = models.CharField(max_length=255, blank=True)
    is_late = models.BooleanField(default=False, help_text="Answered after the trigger had come to its end.")
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "trigger_runs"
        ordering: ClassVar = ["step", "number"]
        constraints: ClassVar = [
            # A result is for one run.
            models.UniqueConstraint(fields=["trigger", "step", "number"], name="trigger_run_once"),
        ]
        indexes: ClassVar = [
            # From a trace to the run that made it.
            models.Index(fields=["trace_id"], condition=~Q(trace_id=""), name="trigger_runs_by_trace"),
        ]

    def __str__(self) -> str:
        return f"run {self.number} of step {self.step}"


class Delivery(models.Model):
    """One attempt to hand a trigger to an SDK. `sid` is the socket's, empty for an SDK's own request."""

    class Channel(models.TextChoices):
        SOCKET = "socket", "Socket"
        REGISTER = "register", "Socket, when it registered"
        PING = "ping", "Socket, at its heartbeat"
        INGEST = "ingest", "Reply to a batch of events"

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="deliveries")
    at = models.DateTimeField(default=timezone.now)
    channel = models.CharField(max_length=8, choices=Channel)
    session_id = models.CharField(max_length=200, blank=True)
    sid = models.CharField(max_length=40, blank=True)
    is_delivered = models.BooleanField()
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "trigger_deliveries"
        ordering: ClassVar = ["id"]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.channel} at {self.at:%H:%M:%S}"
