"""What is frozen and mocked in a rerun of a workflow."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from observability.models import Project


class RunConfig(models.Model):
    """The settings of one rerun (contract B5.3). Its id is random: for some SDKs it is all that identifies a run.

    `frozen_event_ids` are numbers of stored events (`events.id`). Empty means all of the trace, unless
    `freezes_nothing`. Frozen values are not kept here: they are read from the trace when the SDK asks.
    """

    class InputSource(models.TextChoices):
        GIVEN = "given", "Given with the request"
        TRACE = "trace", "What the trace's workflow was given"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="run_configs")
    trigger = models.OneToOneField(
        "reruns.Trigger", on_delete=models.CASCADE, null=True, blank=True, related_name="run_config"
    )
    trace_id = models.CharField(max_length=255)
    workflow_name = models.CharField(max_length=400)
    # Null for an input that is read from the trace, which may be secret: it is not copied.
    workflow_input = models.JSONField(null=True, blank=True)
    input_source = models.CharField(max_length=5, choices=InputSource, default=InputSource.GIVEN)
    frozen_event_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    freezes_nothing = models.BooleanField(default=False)
    tool_mock_config = models.JSONField(default=dict, blank=True)
    ai_mock_config = models.JSONField(default=dict, blank=True)
    prompt_mocks = models.JSONField(default=dict, blank=True)
    user_prompt_mocks = models.JSONField(default=dict, blank=True)
    is_strict = models.BooleanField(default=False, help_text="A call that is neither frozen nor mocked fails.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "run_configs"
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            # The reruns of one trace; the contract asks for an index on the project.
            models.Index(fields=["project", "trace_id"], name="run_configs_by_trace"),
        ]

    def __str__(self) -> str:
        return str(self.id)
