"""Setting rules. A change counts for open sessions within seconds: what it takes away ends."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from debugconsole.models import DebugPolicy
from debugconsole.services.audit import write_audit
from debugconsole.wire.profiles import PROFILES
from observability.errors import InvalidError
from observability.models import Role, User

PLACES = ("scope", "environment", "organization", "extension", "install_id")
VALUES = (
    "effect",
    "roles",
    "require_capability",
    "ttl_minutes",
    "hard_ttl_minutes",
    "max_viewers",
    "lines_per_second",
    "allows_export",
    "redaction_profile",
    "reason",
    "expires_at",
)


@transaction.atomic
def create_policy(*, created_by: User | None, **values: Any) -> DebugPolicy:
    """Set a rule for a place that has none: `PLACES` and `VALUES`. Raises `InvalidError` naming the field."""
    policy = DebugPolicy(**values, updated_by=created_by)
    _check(policy)
    try:
        with transaction.atomic():
            policy.save()
    except IntegrityError as error:
        if "debug_policy_once" in str(error):
            raise InvalidError(f"scope: there is a rule for {policy.describe_place()} already") from error
        raise InvalidError(f"scope: a rule for {policy.scope} names that alone") from error
    _write("policy.created", policy, created_by)
    return policy


@transaction.atomic
def update_policy(*, policy: DebugPolicy, updated_by: User | None, **values: Any) -> DebugPolicy:
    """Change a rule's `VALUES`: its next version. Raises `InvalidError` naming the field."""
    locked = (
        DebugPolicy.objects.select_for_update(of=("self",))
        .select_related("organization", "extension")
        .get(pk=policy.pk)
    )
    for name, value in values.items():
        setattr(locked, name, value)
    locked.version += 1
    locked.updated_by = updated_by
    _check(locked)
    locked.save()
    _write("policy.changed", locked, updated_by)
    return locked


@transaction.atomic
def delete_policy(*, policy: DebugPolicy, deleted_by: User | None) -> None:
    """Remove a rule: what is less specific decides then."""
    _write("policy.deleted", policy, deleted_by)
    policy.delete()


def _check(policy: DebugPolicy) -> None:
    policy.environment = policy.environment.strip().lower()
    if policy.effect not in DebugPolicy.Effect.values:
        raise InvalidError(f"effect: choose from {', '.join(DebugPolicy.Effect.values)}")
    if not set(policy.roles) <= set(Role.values):
        raise InvalidError(f"roles: choose from {', '.join(Role.values)}")
    if policy.redaction_profile not in PROFILES:
        raise InvalidError(f"redaction_profile: choose from {', '.join(PROFILES)}")
    if not policy.reason.strip():
        raise InvalidError("reason: say why, for whoever reads the audit")
    if not 1 <= policy.ttl_minutes <= 240:
        raise InvalidError("ttl_minutes: give 1 to 240")
    if not policy.ttl_minutes <= policy.hard_ttl_minutes <= 480:
        raise InvalidError("hard_ttl_minutes: give at least ttl_minutes and at most 480")
    if policy.lines_per_second < 1:
        raise InvalidError("lines_per_second: give 1 or more")


def _write(action: str, policy: DebugPolicy, actor: User | None) -> None:
    write_audit(
        action,
        actor=actor,
        target=policy.describe_place(),
        extension=policy.extension,
        organization_id=policy.organization_id,
        effect=policy.effect,
        version=policy.version,
        reason=policy.reason,
        roles=list(policy.roles),
        redaction_profile=policy.redaction_profile,
        expires_at=None if policy.expires_at is None else policy.expires_at.isoformat(),
    )
