"""Who may rerun in a project, and how much."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from observability.models import Project, Role


class RerunPolicy(models.Model):
    """A project's limits. A project without a row has the defaults."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, primary_key=True, related_name="rerun_policy")
    minimum_role = models.CharField(
        "who may rerun", max_length=10, choices=Role, default=Role.ENGINEER, help_text="This role and those above it."
    )
    max_per_hour = models.PositiveIntegerField(
        "reruns an hour", default=120, help_text="Runs, not requests: ten runs of one workflow count ten."
    )
    max_concurrent = models.PositiveIntegerField(
        "reruns at once", default=20, help_text="Requests that wait or run at the same time."
    )
    ttl_minutes = models.PositiveIntegerField(
        "minutes until a rerun expires",
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 60)],
        help_text="A request that is not fully answered by then ends as expired, with what has arrived.",
    )
    is_open_to_run_ids = models.BooleanField(
        "SDKs without a key",
        default=False,
        help_text="Let whoever knows the random id of a running rerun read its frozen events and add events to it, "
        "as some SDK test modes do without a key.",
    )

    class Meta:
        db_table = "rerun_policies"
        verbose_name_plural = "rerun policies"

    def __str__(self) -> str:
        return f"Reruns in {self.project}"
