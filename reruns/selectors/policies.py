"""Who may rerun in a project, and how much is left of its limits."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count
from django.utils import timezone

from observability.models import Role, Scope
from observability.selectors.access import Caller
from reruns.models import RerunPolicy, Run, Trigger

HOUR = timedelta(hours=1)


def get_policy(project_id: int) -> RerunPolicy:
    """Return the project's policy, or the defaults. One query, primary key."""
    return RerunPolicy.objects.filter(pk=project_id).first() or RerunPolicy(project_id=project_id)


def require_rerun(caller: Caller) -> RerunPolicy:
    """Return the project's policy once it is sure that the caller may rerun, read frozen values and cancel.

    Raises `DeniedError` for a key without the scope `rerun`, and a person below the policy's role.
    """
    policy = get_policy(caller.project_id)
    caller.require(scope=Scope.RERUN, minimum_role=Role(policy.minimum_role))
    return policy


def count_recent_runs(project_id: int) -> int:
    """Return how many runs were asked for in the last hour. One query on `triggers_newest`."""
    recent = Run.objects.filter(trigger__project=project_id, trigger__created_at__gt=timezone.now() - HOUR)
    return int(recent.aggregate(runs=Count("id"))["runs"])


def count_live_triggers(project_id: int) -> int:
    """Return how many triggers wait or run, without those whose time is over but not noted yet: they must hold nobody
    up while no worker runs. One query on `triggers_live`.
    """
    live = Trigger.objects.filter(project=project_id, state__in=Trigger.LIVE_STATES)
    return live.filter(expires_at__gt=timezone.now()).count()
