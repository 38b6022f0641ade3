"""Setting who may rerun in a project, and how much."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from observability.errors import InvalidError
from observability.models import Role
from reruns.models import RerunPolicy


@transaction.atomic
def set_rerun_policy(*, project_id: int, **values: Any) -> RerunPolicy:
    """Set limits of a project; those left out stay. Raises `InvalidError` naming the field."""
    policy = RerunPolicy.objects.select_for_update().filter(pk=project_id).first() or RerunPolicy(pk=project_id)
    for name, value in values.items():
        setattr(policy, name, value)
    if policy.minimum_role not in Role.values:
        raise InvalidError(f"minimum_role: choose from {', '.join(Role.values)}")
    if not 1 <= policy.ttl_minutes <= 24 * 60:
        raise InvalidError("ttl_minutes: give 1 to 1440")
    policy.save()
    return policy
