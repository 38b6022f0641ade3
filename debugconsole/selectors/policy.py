"""Who may watch what, and why: one decision from rules, roles, capabilities and grants.

`explain` answers for one person; `decide_many` for all open sessions at once, in a fixed number of queries, so that
what was taken away is noticed within seconds however many watch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from msgspec import Meta

from debugconsole.models import DebugGrant, DebugPolicy, Extension, ExtensionInstall
from debugconsole.wire.keys import lower_ascii
from debugconsole.wire.profiles import STANDARD
from observability.models import Membership, ProjectMembership, Role, User

_RANKS = {role: rank for rank, role in enumerate((Role.VIEWER, Role.ENGINEER, Role.ADMIN, Role.OWNER))}
_SPECIFIC = [
    DebugPolicy.Scope.ENVIRONMENT,
    DebugPolicy.Scope.TENANT,
    DebugPolicy.Scope.EXTENSION,
    DebugPolicy.Scope.INSTALL,
]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a session may have."""

    ttl_minutes: int = 10
    hard_ttl_minutes: int = 30
    max_viewers: int = 10
    lines_per_second: int = 500
    allows_export: bool = False
    redaction_profile: Annotated[
        str, Meta(description="`standard` hides secrets; `strict` hides e-mail and IP addresses, too.")
    ] = STANDARD


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that applies, whether or not it decided."""

    rule: Annotated[str, Meta(description="`<number>.<version>`.")]
    place: str
    effect: str
    decided: bool


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """May it be watched, and why."""

    is_allowed: bool
    code: Annotated[str, Meta(description="`allowed`, or what is in the way.")]
    reason: Annotated[str, Meta(description="One sentence for a person.")]
    rule: Annotated[str, Meta(description="The rule that decided, `<number>.<version>`, or `default`.")]
    considered: tuple[Considered, ...] = ()
    limits: Limits = Limits()
    grant_id: int | None = None

    @property
    def decided_by(self) -> str:
        """The kind of rule that decided: `grant`, a scope, or `default`."""
        if self.is_allowed and self.grant_id is not None:
            return "grant"
        # A place begins with its scope's name.
        return next((each.place.partition(" ")[0] for each in self.considered if each.decided), "default")


@dataclass(frozen=True, slots=True)
class Ask:
    """Who would watch what."""

    user: User
    extension: Extension
    install_id: str = ""


@dataclass(slots=True)
class Facts:
    """All that a decision depends on."""

    ask: Ask
    role: Role | None = None
    rules: list[DebugPolicy] = field(default_factory=list)
    install: ExtensionInstall | None = None
    grant: DebugGrant | None = None


def explain(*, user: User, extension: Extension, install_id: str = "") -> Decision:
    """Say whether somebody may watch, and which rule decides. Six queries at most."""
    return decide_many([Ask(user, extension, install_id)])[0]


def decide_many(asks: list[Ask]) -> list[Decision]:
    """Decide on each, in the same six queries however many they are. Extensions come with project and organization."""
    return [decide(facts) for facts in _load_facts(asks)]


def count_lasting_rules() -> int:
    """Count the rules that allow watching in production for ever; anywhere else none is of concern."""
    if not settings.IS_PRODUCTION:
        return 0
    return DebugPolicy.objects.filter(effect=DebugPolicy.Effect.ALLOW, expires_at=None).count()


def decide(facts: Facts) -> Decision:
    """Decide by facts alone. What is in the way first is what is told."""
    ask = facts.ask
    project, organization = ask.extension.project, ask.extension.organization
    rule = _find_rule(facts.rules)
    considered = tuple(
        Considered(rule=_name(each), place=each.describe_place(), effect=each.effect, decided=each is rule)
        for each in facts.rules
    )
    grant = facts.grant

    def answer(code: str, reason: str) -> Decision:
        return Decision(
            is_allowed=code == "allowed",
            code=code,
            reason=reason,
            rule="default" if rule is None else _name(rule),
            considered=considered,
            limits=_read_limits(rule),
            grant_id=None if grant is None else grant.pk,
        )

    if not settings.DEBUG_CONSOLE_ENABLED:
        return answer("console_off", "The debug console is switched off in this installation.")
    if project.deleted_at is not None or organization.deleted_at is not None or (facts.role is None and grant is None):
        return answer("not_found", "No such extension.")
    if not ask.extension.is_enabled or (facts.install is not None and not facts.install.is_enabled):
        return answer("extension_disabled", "The extension, or this install of it, is switched off.")
    if rule is not None and rule.effect == DebugPolicy.Effect.DENY:
        return answer("policy_denied", f"A rule for {rule.describe_place()} denies it: {rule.reason}")
    if rule is None and settings.IS_PRODUCTION and grant is None:
        return answer("policy_denied", "Nobody watches in production unless a rule or a grant lets them.")
    if grant is None and not _has_role(facts.role, rule):
        return answer("role_denied", f"It takes one of these roles: {', '.join(_list_roles(rule))}.")
    if (missing := _find_missing_capability(facts, rule)) is not None:
        return answer("capability_missing", f"The extension lacks the capability {missing}.")
    if rule is not None and rule.effect == DebugPolicy.Effect.APPROVAL and grant is None:
        return answer("approval_required", f"Another person must approve it: ask for a grant. {rule.reason}")
    return answer("allowed", _word_allowed(rule, grant))


def _word_allowed(rule: DebugPolicy | None, grant: DebugGrant | None) -> str:
    if grant is not None:
        return f"A grant lets you until {grant.expires_at:%Y-%m-%d %H:%M} UTC."
    if rule is not None:
        return f"A rule for {rule.describe_place()} allows it."
    return f"Everybody with the role may in {settings.ENVIRONMENT}, where no rule says otherwise."


def _find_rule(rules: list[DebugPolicy]) -> DebugPolicy | None:
    """Return the rule that decides: one that denies, else the most specific."""
    ordered = sorted(rules, key=lambda rule: _SPECIFIC.index(DebugPolicy.Scope(rule.scope)), reverse=True)
    denying = [rule for rule in ordered if rule.effect == DebugPolicy.Effect.DENY]
    return next(iter(denying or ordered), None)


def _list_roles(rule: DebugPolicy | None) -> list[str]:
    if rule is not None and rule.roles:
        return list(rule.roles)
    return [role for role in _RANKS if _RANKS[role] >= _RANKS[Role.ENGINEER]]


def _has_role(role: Role | None, rule: DebugPolicy | None) -> bool:
    return role is not None and role in _list_roles(rule)


def _find_missing_capability(facts: Facts, rule: DebugPolicy | None) -> str | None:
    if rule is None or not rule.require_capability:
        return None
    capabilities = facts.ask.extension.capabilities
    if facts.install is not None and facts.install.capabilities is not None:
        capabilities = facts.install.capabilities
    return None if rule.require_capability in capabilities else rule.require_capability


def _read_limits(rule: DebugPolicy | None) -> Limits:
    if rule is None:
        return Limits(hard_ttl_minutes=15 if settings.IS_PRODUCTION else 30)
    return Limits(
        ttl_minutes=rule.ttl_minutes,
        hard_ttl_minutes=max(rule.ttl_minutes, rule.hard_ttl_minutes),
        max_viewers=rule.max_viewers,
        lines_per_second=rule.lines_per_second,
        allows_export=rule.allows_export,
        redaction_profile=rule.redaction_profile,
    )


def _name(rule: DebugPolicy) -> str:
    return f"{rule.pk}.{rule.version}"


def _load_facts(asks: list[Ask]) -> Iterable[Facts]:
    now = timezone.now()
    users = {ask.user.pk for ask in asks}
    extensions = {ask.extension.pk for ask in asks}
    rules = list(_list_rules(asks).filter(Q(expires_at=None) | Q(expires_at__gt=now)))
    in_organization = {
        (row.user_id, row.organization_id): Role(row.role) for row in Membership.objects.filter(user__in=users)
    }
    in_project = {
        (row.user_id, row.project_id): Role(row.role) for row in ProjectMembership.objects.filter(user__in=users)
    }
    active = set(User.objects.filter(pk__in=users, is_active=True).values_list("pk", flat=True))
    installs = {
        (row.extension_id, lower_ascii(row.install_id)): row
        for row in ExtensionInstall.objects.filter(extension__in=extensions)
    }
    grants = list(
        DebugGrant.objects.filter(
            requested_by__in=users,
            extension__in=extensions,
            approved_at__isnull=False,
            refused_at=None,
            revoked_at=None,
            not_before__lte=now,
            expires_at__gt=now,
        ).order_by("-expires_at")
    )
    for ask in asks:
        person, extension, install = ask.user.pk, ask.extension, lower_ascii(ask.install_id)
        by_organization = in_organization.get((person, extension.organization_id))
        role = in_project.get((person, extension.project_id), by_organization)
        yield Facts(
            ask=ask,
            role=role if person in active else None,
            rules=[rule for rule in rules if _applies(rule, extension, install)],
            install=installs.get((extension.pk, install)) if install else None,
            grant=next((grant for grant in grants if person in active and _covers(grant, ask, install)), None),
        )


def _list_rules(asks: list[Ask]) -> QuerySet[DebugPolicy]:
    organizations = {ask.extension.organization_id for ask in asks}
    extensions = {ask.extension.pk for ask in asks}
    # Whatever is not known to be something else is production, and so are the rules that hold.
    names = {settings.ENVIRONMENT} | ({"production"} if settings.IS_PRODUCTION else set())
    of_environment = Q(scope=DebugPolicy.Scope.ENVIRONMENT, environment__in=names)
    about = of_environment | Q(organization__in=organizations) | Q(extension__in=extensions)
    return DebugPolicy.objects.filter(about).select_related("organization", "extension")


def _applies(rule: DebugPolicy, extension: Extension, install: str) -> bool:
    if rule.scope == DebugPolicy.Scope.ENVIRONMENT:
        return True
    if rule.scope == DebugPolicy.Scope.TENANT:
        return rule.organization_id == extension.organization_id
    if rule.extension_id != extension.pk:
        return False
    if rule.scope == DebugPolicy.Scope.EXTENSION or lower_ascii(rule.install_id) == install:
        return True
    # Whoever watches all installs would see the one that nobody may.
    return not install and rule.effect == DebugPolicy.Effect.DENY


def _covers(grant: DebugGrant, ask: Ask, install: str) -> bool:
    if (grant.requested_by_id, grant.extension_id) != (ask.user.pk, ask.extension.pk):
        return False
    return not grant.install_id or lower_ascii(grant.install_id) == install
