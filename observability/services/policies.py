"""What a project lets be stored: its capture switches and its own redaction rules.

The writer asks for the policy of every request, so it is remembered for `REMEMBER_SECONDS` in each process: that is
how long data may still be stored under the old policy, and what a page that changes one should say.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from channels.db import database_sync_to_async
from django.db import IntegrityError, transaction

from observability.errors import InvalidError, NotFoundError
from observability.ingest.capture import Capture
from observability.ingest.redaction import InvalidRedactionRuleError, RedactionRules, compile_rules
from observability.models import Project, RedactionRule

REMEMBER_SECONDS = 5.0
_RENEWAL_SECONDS = 1.0
MAX_RULES = 100


@dataclass(frozen=True, slots=True)
class ProjectPolicy:
    """Which values to store, and what to hide in them."""

    capture: Capture
    rules: RedactionRules


_remembered: dict[int, tuple[float, ProjectPolicy]] = {}


async def get_policy(project_id: int) -> ProjectPolicy:
    """Return the project's policy, at most `REMEMBER_SECONDS` old. Two queries, then none.

    While one caller renews it the others go on with the one they have. Raises `NotFoundError` when the project is
    gone. A stored rule that no longer compiles raises `InvalidRedactionRuleError`: better nothing stored than a
    secret.
    """
    now = time.monotonic()
    found = _remembered.get(project_id)
    if found is not None and now < found[0]:
        return found[1]
    if found is not None:
        _remembered[project_id] = now + _RENEWAL_SECONDS, found[1]
    policy = await database_sync_to_async(load_policy)(project_id)
    _remembered[project_id] = time.monotonic() + REMEMBER_SECONDS, policy
    return policy


def load_policy(project_id: int) -> ProjectPolicy:
    """Read the project's policy. Two queries; compiled rules are shared by all projects that have the same."""
    project = Project.objects.filter(pk=project_id, deleted_at=None).first()
    if project is None:
        raise NotFoundError("No such project.")
    capture = Capture(
        inputs=project.capture_inputs,
        outputs=project.capture_outputs,
        error_stacks=project.capture_error_stacks,
        attributes=project.capture_attributes,
    )
    return ProjectPolicy(capture=capture, rules=_compile(_list_enabled(project_id)))


def forget_policies() -> None:
    """Forget what this process remembers."""
    _remembered.clear()


@transaction.atomic
def update_capture(
    *,
    project: Project,
    inputs: bool | None = None,
    outputs: bool | None = None,
    error_stacks: bool | None = None,
    attributes: bool | None = None,
) -> Project:
    """Switch what is stored from now on; None leaves a switch alone. What is stored already stays."""
    locked = Project.objects.select_for_update().get(pk=project.pk)
    switches = {
        "capture_inputs": inputs,
        "capture_outputs": outputs,
        "capture_error_stacks": error_stacks,
        "capture_attributes": attributes,
    }
    changed = [name for name, value in switches.items() if value is not None]
    for name in changed:
        setattr(locked, name, switches[name])
    locked.save(update_fields=changed)
    transaction.on_commit(forget_policies, robust=True)
    return locked


@transaction.atomic
def add_redaction_rule(*, project: Project, kind: str, value: str) -> RedactionRule:
    """Add a rule for what is stored from now on.

    Raises `InvalidError` naming the field: an unknown kind, a pattern that RE2 does not take or that matches
    everywhere, a rule that is there already, or more than `MAX_RULES`.
    """
    Project.objects.select_for_update().get(pk=project.pk)
    value = value.strip()
    if kind not in RedactionRule.Kind.values:
        raise InvalidError(f"kind: choose from {', '.join(RedactionRule.Kind.values)}")
    rule = RedactionRule(project=project, kind=kind, value=value)
    _check_rule(rule)
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        raise InvalidError(f"value: the rule {value!r} is there already") from error
    transaction.on_commit(forget_policies, robust=True)
    return rule


def switch_redaction_rule(*, rule: RedactionRule, is_enabled: bool) -> None:
    """Switch a rule on or off for what is stored from now on. Raises `InvalidError` when it cannot be used."""
    if is_enabled:
        _check_rule(rule)
    rule.is_enabled = is_enabled
    rule.save(update_fields=["is_enabled"])
    transaction.on_commit(forget_policies, robust=True)


def remove_redaction_rule(*, rule: RedactionRule) -> None:
    """Remove a rule. What it hid stays hidden. Idempotent."""
    rule.delete()
    transaction.on_commit(forget_policies, robust=True)


def _check_rule(rule: RedactionRule) -> None:
    """Raise `InvalidError` unless the rule can be used together with the project's others."""
    longest = RedactionRule._meta.get_field("value").max_length or 0
    if not rule.value or len(rule.value) > longest or "\x00" in rule.value:
        raise InvalidError(f"value: give 1 to {longest} characters, without NUL")
    others = [other for other in _list_enabled(rule.project_id) if other.pk != rule.pk]
    if len(others) >= MAX_RULES:
        raise InvalidError(f"value: a project has at most {MAX_RULES} rules; one pattern can hold several, by |")
    try:
        _compile([*others, rule])
    except InvalidRedactionRuleError as error:
        raise InvalidError(f"value: {error}") from error


def _list_enabled(project_id: int) -> list[RedactionRule]:
    return list(RedactionRule.objects.filter(project_id=project_id, is_enabled=True).order_by("id"))


def _compile(rules: list[RedactionRule]) -> RedactionRules:
    return compile_rules(
        key_names=tuple(rule.value for rule in rules if rule.kind == RedactionRule.Kind.KEY),
        patterns=tuple((rule.value, rule.value) for rule in rules if rule.kind == RedactionRule.Kind.PATTERN),
    )
