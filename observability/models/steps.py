"""Discovered steps: workflows, tools and prompts, with their hourly figures."""

from __future__ import annotations

from django.db import models


class StepKind(models.TextChoices):
    """What was discovered. A workflow's call is a trace, a tool's or prompt's an event."""

    WORKFLOW = "workflow", "Workflow"
    TOOL = "tool", "Tool"
    PROMPT = "prompt", "Prompt"


class Step(models.Model):
    """One workflow (by name), tool (by name) or prompt (by the SHA-256 of its system prompt)."""

    pk = models.CompositePrimaryKey("project_id", "kind", "key")
    project_id = models.BigIntegerField()
    kind = models.TextField(choices=StepKind)
    key = models.TextField()
    name = models.TextField()
    workflow_name = models.TextField(null=True)
    model = models.TextField(null=True)
    first_seen_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "steps"

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class StepHour(models.Model):
    """A step's figures in one hour, kept by what each commit really changed."""

    pk = models.CompositePrimaryKey("project_id", "kind", "key", "hour")
    project_id = models.BigIntegerField()
    kind = models.TextField(choices=StepKind)
    key = models.TextField()
    hour = models.DateTimeField()
    calls = models.BigIntegerField()
    events = models.BigIntegerField()
    errors = models.BigIntegerField()
    total_tokens = models.BigIntegerField()
    cost_micros = models.BigIntegerField()
    duration_ms = models.FloatField()

    class Meta:
        managed = False
        db_table = "step_hours"

    def __str__(self) -> str:
        return f"{self.kind} {self.key} {self.hour:%Y-%m-%d %H}"
