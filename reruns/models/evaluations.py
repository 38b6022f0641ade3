"""What was found when results were checked, and whom a project asks to judge them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from observability.models import Project
from reruns.models.triggers import Run


class Evaluation(models.Model):
    """What one check says of one run. `position` is its place in `Trigger.evaluations`. Checked anew, it is replaced.

    `skipped` is for what cannot be told, an unknown cost or a judge that is not set up: it is no pass.
    """

    class Status(models.TextChoices):
        PASSED = "passed", "Passed"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"
        ERROR = "error", "Error"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="evaluations")
    position = models.PositiveSmallIntegerField()
    type = models.CharField(max_length=40)
    status = models.CharField(max_length=7, choices=Status)
    reason = models.TextField()
    evidence = models.JSONField(default=dict, blank=True)
    evaluated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "run_evaluations"
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            # A check says one thing of a run.
            models.UniqueConstraint(fields=["run", "position"], name="run_evaluation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.type}: {self.status}"


class JudgeSettings(models.Model):
    """The model that `llm-judge` asks: any endpoint that speaks OpenAI's chat completions. A project without has none.

    The key is encrypted with the installation's keys; null for an endpoint that takes none.
    """

    project = models.OneToOneField(Project, on_delete=models.CASCADE, primary_key=True, related_name="judge_settings")
    base_url = models.CharField(max_length=500, help_text="Up to and without `/chat/completions`.")
    model = models.CharField(max_length=200)
    encrypted_key = models.BinaryField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "judge_settings"
        verbose_name_plural = "judge settings"

    def __str__(self) -> str:
        return f"{self.model} at {self.base_url}"
