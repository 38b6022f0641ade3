"""Which stored traces are run again by themselves (contract B6.9)."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from observability.models import Project, User


class StepType(models.TextChoices):
    """Types of events that an SDK can run again."""

    AI = "ai", "Model calls"
    TOOL = "tool", "Tools"
    HTTP = "http", "HTTP calls"
    DB = "db", "Database calls"


class SamplingConfig(models.Model):
    """A share of a project's traces, run again as they arrive.

    In mode `step` each matching event is run again alone. In mode `workflow` the workflow is run again with everything
    frozen but events of `event_types`. Whether a trace is taken depends on its id alone, so that it is asked as often
    as its parts arrive and always answered alike. The counters tell what became of every trace that was taken.
    """

    class Mode(models.TextChoices):
        STEP = "step", "Steps"
        WORKFLOW = "workflow", "Workflow"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="sampling_configs")
    name = models.CharField(max_length=100)
    is_enabled = models.BooleanField("enabled", default=True)
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.STEP)
    event_types = ArrayField(
        models.CharField(max_length=4, choices=StepType), help_text="What runs for real: ai, tool, http, db."
    )
    workflow = models.CharField(
        max_length=255, blank=True, help_text="Only workflows of this name; * stands for any text. Empty: all."
    )
    event_name = models.CharField(
        max_length=255, blank=True, help_text="Only events of this name; * stands for any text. Empty: all."
    )
    rate = models.FloatField(
        "share of traces", default=0.01, validators=[MinValueValidator(0), MaxValueValidator(1)], help_text="0 to 1."
    )
    run_count = models.PositiveSmallIntegerField(
        "runs of each", default=1, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    max_per_hour = models.PositiveIntegerField("reruns an hour", default=10)
    evaluations = models.JSONField(default=list, blank=True, help_text="What to check of each result.")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # What became of the traces it took.
    triggered_count = models.PositiveBigIntegerField(default=0, editable=False)
    capped_count = models.PositiveBigIntegerField(default=0, editable=False)
    unusable_count = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta:
        db_table = "sampling_configs"
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            # Two entries of one list that read the same cannot be told apart.
            models.UniqueConstraint(fields=["project", "name"], name="sampling_config_name"),
            models.CheckConstraint(condition=models.Q(rate__gte=0, rate__lte=1), name="sampling_config_rate"),
        ]

    def __str__(self) -> str:
        return self.name


class SampledTrace(models.Model):
    """A trace that a config took, and what became of it: decided once, whatever arrives of the trace later."""

    class Outcome(models.TextChoices):
        TRIGGERED = "triggered", "Run again"
        CAPPED = "capped", "Left out: over a limit"
        UNUSABLE = "unusable", "Left out: nothing in it can be run again"

    config = models.ForeignKey(SamplingConfig, on_delete=models.CASCADE, related_name="sampled")
    trace_id = models.CharField(max_length=255)
    outcome = models.CharField(max_length=9, choices=Outcome)
    detail = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "sampled_traces"
        ordering: ClassVar = ["-at", "-id"]
        constraints: ClassVar = [
            # Decided once.
            models.UniqueConstraint(fields=["config", "trace_id"], name="sampled_trace_once"),
        ]

    def __str__(self) -> str:
        return f"{self.trace_id}: {self.outcome}"
