"""The decision table: which rule decides, and what is in the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from debugconsole.models import DebugGrant, Extension
from debugconsole.selectors.policy import Ask, decide_many, explain
from debugconsole.services.extensions import set_install, update_extension
from debugconsole.services.grants import approve_grant, request_grant
from debugconsole.services.policies import update_policy
from observability.errors import InvalidError
from observability.models import Membership, ProjectMembership, Role, User
from tests.debugconsole.conftest import set_rule

PRODUCTION = override_settings(ENVIRONMENT="production", IS_PRODUCTION=True)


def code(user: User, extension: Extension, install_id: str = "") -> str:
    return explain(user=user, extension=extension, install_id=install_id).code


def give_grant(extension: Extension, to: User, by: User, **options: object) -> DebugGrant:
    grant = request_grant(extension=extension, requested_by=to, reason="looking into it", **options)  # type: ignore[arg-type]
    return approve_grant(grant=grant, approved_by=by)


def test_default__in_development__lets_engineers(
    owner: User, teammate: User, viewer: User, extension: Extension
) -> None:
    assert [code(user, extension) for user in (owner, teammate, viewer)] == ["allowed", "allowed", "role_denied"]


def test_default__a_stranger__learns_nothing(stranger: User, extension: Extension) -> None:
    assert code(stranger, extension) == "not_found"


@PRODUCTION
def test_default__in_production__denies(owner: User, extension: Extension) -> None:
    decision = explain(user=owner, extension=extension)

    assert (decision.code, decision.rule) == ("policy_denied", "default")


@override_settings(ENVIRONMENT="prod-eu", IS_PRODUCTION=True)
def test_environment__unknown__has_the_rules_of_production(owner: User, extension: Extension) -> None:
    set_rule("allow", scope="environment", environment="production")

    assert code(owner, extension) == "allowed"


@override_settings(DEBUG_CONSOLE_ENABLED=False)
def test_switch__off__is_off_whatever_the_rules(owner: User, extension: Extension) -> None:
    set_rule("allow", scope="extension", extension=extension)

    assert code(owner, extension) == "console_off"


@PRODUCTION
@pytest.mark.parametrize(
    ("effects", "decided"),
    [
        ({"environment": "allow"}, "allowed"),
        ({"environment": "approval", "tenant": "allow"}, "allowed"),
        ({"tenant": "allow", "extension": "approval"}, "approval_required"),
        ({"extension": "approval", "install": "allow"}, "allowed"),
        # One that denies beats the most specific.
        ({"environment": "deny", "install": "allow"}, "policy_denied"),
        ({"tenant": "deny", "extension": "allow"}, "policy_denied"),
    ],
)
def test_rules__several__deny_beats_and_then_the_most_specific(
    owner: User, extension: Extension, effects: dict[str, str], decided: str
) -> None:
    places: dict[str, dict[str, object]] = {
        "environment": {"environment": "production"},
        "tenant": {"organization": extension.organization},
        "extension": {"extension": extension},
        "install": {"extension": extension, "install_id": "Inst-9"},
    }
    for scope, effect in effects.items():
        set_rule(effect, scope=scope, **places[scope])

    decision = explain(user=owner, extension=extension, install_id="inst-9")

    assert decision.code == decided
    assert len(decision.considered) == len(effects)
    assert [each.decided for each in decision.considered].count(True) == 1


def test_rule__for_another_extension_or_tenant__does_not_count(
    owner: User, extension: Extension, foreign_extension: Extension
) -> None:
    set_rule("deny", scope="extension", extension=foreign_extension)
    set_rule("deny", scope="tenant", organization=foreign_extension.organization)
    set_rule("deny", scope="environment", environment="staging")

    assert code(owner, extension) == "allowed"


def test_rule__that_denies_one_install__denies_watching_all_of_them(owner: User, extension: Extension) -> None:
    set_rule("deny", scope="install", extension=extension, install_id="secret")

    assert [code(owner, extension, install) for install in ("secret", "SECRET", "", "other")] == [
        "policy_denied",
        "policy_denied",
        "policy_denied",
        "allowed",
    ]


def test_rule__whose_time_is_over__is_not_there(owner: User, extension: Extension) -> None:
    set_rule("deny", scope="extension", extension=extension, expires_at=timezone.now() - timedelta(seconds=1))

    assert code(owner, extension) == "allowed"


def test_rule__with_roles__asks_for_one_of_them(
    owner: User, teammate: User, viewer: User, extension: Extension
) -> None:
    set_rule("allow", scope="extension", extension=extension, roles=["viewer", "owner"])

    assert [code(user, extension) for user in (owner, teammate, viewer)] == ["allowed", "role_denied", "allowed"]


def test_role__in_the_project__replaces_the_organizations(teammate: User, extension: Extension) -> None:
    ProjectMembership.objects.create(project=extension.project, user=teammate, role=Role.VIEWER)

    assert code(teammate, extension) == "role_denied"


def test_capability__asked_for__is_the_installs_or_else_the_extensions(owner: User, extension: Extension) -> None:
    set_rule("allow", scope="extension", extension=extension, require_capability="cap:debug.logs")
    set_install(extension=extension, install_id="with", capabilities=["cap:debug.logs"])
    set_install(extension=extension, install_id="like-all")

    assert [code(owner, extension, install) for install in ("with", "like-all", "")] == [
        "allowed",
        "capability_missing",
        "capability_missing",
    ]


def test_extension__switched_off__is_watched_by_nobody(owner: User, extension: Extension) -> None:
    set_install(extension=extension, install_id="off", is_enabled=False)
    assert code(owner, extension, "off") == "extension_disabled"

    update_extension(extension=extension, is_enabled=False)
    extension.refresh_from_db()

    assert code(owner, extension) == "extension_disabled"


@PRODUCTION
def test_grant__of_another_person__lets_in_production_without_a_rule(
    owner: User, teammate: User, extension: Extension
) -> None:
    grant = give_grant(extension, teammate, owner)

    decision = explain(user=teammate, extension=extension)

    assert (decision.code, decision.grant_id) == ("allowed", grant.pk)
    assert code(owner, extension) == "policy_denied"


@PRODUCTION
def test_grant__where_a_rule_denies__does_not_help(owner: User, teammate: User, extension: Extension) -> None:
    give_grant(extension, teammate, owner)
    set_rule("deny", scope="tenant", organization=extension.organization)

    assert code(teammate, extension) == "policy_denied"


@PRODUCTION
def test_grant__of_a_tenants_admin_for_an_operator__lets_cross_tenants(
    owner: User, operator: User, extension: Extension
) -> None:
    assert code(operator, extension) == "not_found"

    give_grant(extension, operator, owner)

    assert code(operator, extension) == "allowed"


def test_grant__for_one_install__is_for_no_other(owner: User, teammate: User, extension: Extension) -> None:
    set_rule("approval", scope="extension", extension=extension)
    give_grant(extension, teammate, owner, install_id="Inst-9")

    assert [code(teammate, extension, install) for install in ("inst-9", "inst-8", "")] == [
        "allowed",
        "approval_required",
        "approval_required",
    ]


@pytest.mark.parametrize(("seconds", "decided"), [(-1, "approval_required"), (1, "allowed")])
def test_grant__a_second_around_its_end__is_over_or_not(
    owner: User, teammate: User, extension: Extension, seconds: int, decided: str
) -> None:
    set_rule("approval", scope="extension", extension=extension)
    grant = give_grant(extension, teammate, owner)
    now = timezone.now()
    DebugGrant.objects.filter(pk=grant.pk).update(
        not_before=now - timedelta(hours=1), expires_at=now + timedelta(seconds=seconds * 60)
    )

    assert code(teammate, extension) == decided


def test_grant__not_yet_begun__does_not_let(owner: User, teammate: User, extension: Extension) -> None:
    set_rule("approval", scope="extension", extension=extension)
    give_grant(extension, teammate, owner, not_before=timezone.now() + timedelta(hours=1))

    assert code(teammate, extension) == "approval_required"


def test_person__no_longer_active__has_nothing(owner: User, teammate: User, extension: Extension) -> None:
    give_grant(extension, teammate, owner)
    User.objects.filter(pk=teammate.pk).update(is_active=False)

    assert code(teammate, extension) == "not_found"


def test_person__no_longer_a_member__has_nothing(teammate: User, extension: Extension) -> None:
    Membership.objects.filter(user=teammate).delete()

    assert code(teammate, extension) == "not_found"


def test_limits__of_the_rule_that_decided__are_its_own(owner: User, extension: Extension) -> None:
    set_rule("allow", scope="tenant", organization=extension.organization, ttl_minutes=1)
    set_rule("allow", scope="extension", extension=extension, ttl_minutes=7, hard_ttl_minutes=9, max_viewers=2)

    limits = explain(user=owner, extension=extension).limits

    assert (limits.ttl_minutes, limits.hard_ttl_minutes, limits.max_viewers) == (7, 9, 2)


def test_policy__changed__is_its_next_version(owner: User, extension: Extension) -> None:
    rule = set_rule("deny", scope="extension", extension=extension)

    changed = update_policy(policy=rule, updated_by=owner, effect="allow")

    assert (changed.version, explain(user=owner, extension=extension).rule) == (2, f"{rule.pk}.2")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"effect": "perhaps"}, "effect"),
        ({"roles": ["king"]}, "roles"),
        ({"reason": " "}, "reason"),
        ({"ttl_minutes": 0}, "ttl_minutes"),
        ({"ttl_minutes": 20, "hard_ttl_minutes": 10}, "hard_ttl_minutes"),
        ({"lines_per_second": 0}, "lines_per_second"),
        ({"install_id": "x"}, "scope"),
    ],
)
def test_policy__that_cannot_be__is_refused_by_field(
    extension: Extension, wrong: dict[str, object], field: str
) -> None:
    values = {"effect": "allow", "scope": "extension", "extension": extension, **wrong}

    with pytest.raises(InvalidError, match=f"^{field}:"):
        set_rule(**values)  # type: ignore[arg-type]


def test_policy__a_second_one_for_a_place__is_refused(extension: Extension) -> None:
    set_rule("allow", scope="extension", extension=extension)

    with pytest.raises(InvalidError, match="already"):
        set_rule("deny", scope="extension", extension=extension)


def test_decide_many__one_or_many__costs_the_same_queries(
    owner: User, teammate: User, viewer: User, extension: Extension, foreign_extension: Extension
) -> None:
    with CaptureQueriesContext(connection) as one:
        decide_many([Ask(owner, extension)])
    with CaptureQueriesContext(connection) as many:
        decisions = decide_many(
            [Ask(user, each) for user in (owner, teammate, viewer) for each in (extension, foreign_extension)]
        )

    assert len(one) == len(many) <= 6
    assert [decision.code for decision in decisions] == ["allowed", "not_found"] * 2 + ["role_denied", "not_found"]
