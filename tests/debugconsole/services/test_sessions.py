"""Sessions, grants and the audit: bounded, decided and written down."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from debugconsole.errors import (
    AtLimitError,
    AuditUnavailableError,
    ConsoleOffError,
    DecidedError,
    EndedError,
    RefusedError,
    TicketError,
    TooOftenError,
    ViewerLimitError,
)
from debugconsole.models import DebugAudit, DebugAuditHead, DebugGrant, DebugSession, Extension
from debugconsole.services import audit as audit_service
from debugconsole.services.audit import verify_audit, write_audit
from debugconsole.services.extensions import create_extension
from debugconsole.services.grants import approve_grant, refuse_grant, request_grant, revoke_grant
from debugconsole.services.policies import update_policy
from debugconsole.services.sessions import (
    LEFT_AFTER,
    MOST_OF_USER,
    Opened,
    Viewer,
    Wish,
    change_session,
    end_session,
    extend_session,
    get_session_for_user,
    judge_sessions,
    open_session,
    record_progress,
    redeem_ticket,
    renew_ticket,
    sweep_sessions,
)
from debugconsole.wire.envelope import EndReason
from observability.errors import DeniedError, InvalidError, NotFoundError
from observability.models import Membership, Project, Scope, User
from observability.query import QueryError
from observability.services.keys import create_key, revoke_key
from tests.debugconsole.conftest import set_rule

PRODUCTION = override_settings(ENVIRONMENT="production", IS_PRODUCTION=True)


def open_for(user: User, extension: Extension, **wish: Any) -> Opened:
    return open_session(
        viewer=Viewer(user=user, transport="ws", ip="127.0.0.1"), extension=extension, wish=Wish(**wish)
    )


def list_actions() -> list[str]:
    return list(
        DebugAudit.objects.order_by("seq").exclude(action__startswith="extension").values_list("action", flat=True)
    )


def move(session: DebugSession, **changes: Any) -> None:
    DebugSession.objects.filter(pk=session.pk).update(**changes)


# -- Opening ---------------------------------------------------------------------------------------------------------


def test_open__who_may__has_a_session_and_one_row_of_audit(teammate: User, extension: Extension) -> None:
    opened = open_for(teammate, extension, filter="LEVEL:warn", reason="a look")

    session = DebugSession.objects.get(pk=opened.session.pk)
    assert (session.user, session.filter, session.policy) == (teammate, "level:warn", "default")
    assert timedelta(minutes=9) < session.expires_at - timezone.now() <= timedelta(minutes=10)
    assert opened.ticket not in str(DebugSession.objects.values_list().get())
    row = DebugAudit.objects.get(action="session.opened")
    assert (row.actor_id, row.session_id, row.detail["reason"]) == (teammate.pk, session.pk, "a look")


def test_open__who_may_not__is_written_down_too(viewer: User, extension: Extension) -> None:
    with pytest.raises(RefusedError) as refused:
        open_for(viewer, extension)

    assert refused.value.code == "role_denied"
    row = DebugAudit.objects.get(action="session.denied")
    assert (row.actor_id, row.detail["code"]) == (viewer.pk, "role_denied")
    assert not DebugSession.objects.exists()


def test_open__a_stranger__finds_nothing(stranger: User, extension: Extension) -> None:
    with pytest.raises(NotFoundError):
        open_for(stranger, extension)


@override_settings(DEBUG_CONSOLE_ENABLED=False)
def test_open__switched_off__is_not_there(owner: User, extension: Extension) -> None:
    with pytest.raises(ConsoleOffError):
        open_for(owner, extension)


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"filter": "colour:blue"}, QueryError),
        # As it is kept, with quotes, it is too long.
        ({"filter": " ".join(["<" + "a" * 8] * 49)}, QueryError),
        ({"tail": 2_001}, InvalidError),
        ({"tail": -1}, InvalidError),
        ({"install_id": "x" * 201}, InvalidError),
        ({"request_id": "\x00"}, InvalidError),
    ],
)
def test_open__a_wish_that_cannot_be__is_refused(
    owner: User, extension: Extension, wish: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        open_for(owner, extension, **wish)


def test_open__more_than_a_person_may_have__is_refused(owner: User, extension: Extension) -> None:
    opened = [open_for(owner, extension) for _ in range(MOST_OF_USER)]

    with pytest.raises(ViewerLimitError, match="of yours"):
        open_for(owner, extension)

    end_session(session_id=opened[0].session.pk, reason=EndReason.CLOSED)
    open_for(owner, extension)


def test_open__as_many_as_may_be__ends_what_was_left_behind_and_nothing_else(owner: User, extension: Extension) -> None:
    watched, left, leaving = [open_for(owner, extension).session for _ in range(MOST_OF_USER)]
    long_ago = timezone.now() - LEFT_AFTER
    move(watched, is_attached=True, last_seen_at=long_ago)
    move(left, is_attached=False, last_seen_at=long_ago)
    move(leaving, is_attached=False, last_seen_at=timezone.now())

    open_for(owner, extension)

    reasons = [DebugSession.objects.get(pk=session.pk).end_reason for session in (watched, left, leaving)]
    assert reasons == ["", "replaced", ""]
    with pytest.raises(ViewerLimitError, match="of yours"):
        open_for(owner, extension)


def test_open__more_than_may_watch_an_extension__is_refused(owner: User, teammate: User, extension: Extension) -> None:
    set_rule("allow", scope="extension", extension=extension, max_viewers=1)
    session = open_for(owner, extension).session

    with pytest.raises(ViewerLimitError, match="this extension"):
        open_for(teammate, extension)

    move(session, expires_at=timezone.now())
    open_for(teammate, extension)


def test_open__more_than_may_watch_a_tenant__is_refused(
    owner: User, extension: Extension, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("debugconsole.services.sessions.MOST_OF_TENANT", 1)
    open_for(owner, extension)

    with pytest.raises(ViewerLimitError, match="organization"):
        open_for(owner, create_extension(project=project, extension_id="Ext-2"))


def test_open__too_often__is_refused_denials_counted(viewer: User, extension: Extension) -> None:
    for _ in range(10):
        with pytest.raises(RefusedError):
            open_for(viewer, extension)

    with pytest.raises(TooOftenError):
        open_for(viewer, extension)


def test_open__what_cannot_be_written_down__is_not_done(
    owner: User, extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_service, "seal", lambda row: None)

    with pytest.raises(AuditUnavailableError):
        open_for(owner, extension)

    assert not DebugSession.objects.exists()


@PRODUCTION
def test_open__by_a_grant__lasts_no_longer_than_it(owner: User, teammate: User, extension: Extension) -> None:
    grant = request_grant(extension=extension, requested_by=teammate, reason="a look", minutes=5)
    grant = approve_grant(grant=grant, approved_by=owner)

    session = open_for(teammate, extension).session

    assert session.grant == grant
    assert session.expires_at == session.hard_expires_at == grant.expires_at


# -- Tickets, extending, ending --------------------------------------------------------------------------------------


def test_ticket__used__opens_once(owner: User, extension: Extension) -> None:
    opened = open_for(owner, extension)

    assert redeem_ticket(session_id=opened.session.pk, ticket=opened.ticket).pk == opened.session.pk
    with pytest.raises(TicketError):
        redeem_ticket(session_id=opened.session.pk, ticket=opened.ticket)


def test_ticket__of_another_session_or_too_old__opens_nothing(owner: User, extension: Extension) -> None:
    one, other = open_for(owner, extension), open_for(owner, extension)
    with pytest.raises(TicketError):
        redeem_ticket(session_id=one.session.pk, ticket=other.ticket)
    with pytest.raises(TicketError):
        redeem_ticket(session_id=uuid.uuid4(), ticket=one.ticket)
    with pytest.raises(TicketError):
        redeem_ticket(session_id=one.session.pk, ticket="")

    move(one.session, ticket_expires_at=timezone.now())

    with pytest.raises(TicketError):
        redeem_ticket(session_id=one.session.pk, ticket=one.ticket)


def test_ticket__renewed__replaces_the_older(owner: User, extension: Extension) -> None:
    opened = open_for(owner, extension)
    ticket = renew_ticket(session=opened.session)

    with pytest.raises(TicketError):
        redeem_ticket(session_id=opened.session.pk, ticket=opened.ticket)
    assert redeem_ticket(session_id=opened.session.pk, ticket=ticket) == opened.session


def test_session__of_somebody_else__is_not_found(
    owner: User, teammate: User, stranger: User, extension: Extension
) -> None:
    session = open_for(teammate, extension).session

    assert get_session_for_user(teammate, session.pk) == session
    for person in (owner, stranger):
        with pytest.raises(NotFoundError):
            get_session_for_user(person, session.pk)


def test_extend__up_to_its_cap__and_no_further(owner: User, extension: Extension) -> None:
    set_rule("allow", scope="extension", extension=extension, ttl_minutes=10, hard_ttl_minutes=17)
    session = open_for(owner, extension).session

    assert extend_session(session=session).expires_at == session.expires_at + timedelta(minutes=5)
    assert extend_session(session=session).expires_at == session.hard_expires_at
    with pytest.raises(AtLimitError):
        extend_session(session=session)
    assert list_actions().count("session.extended") == 2


def test_extend__no_longer_allowed__is_refused(teammate: User, extension: Extension) -> None:
    session = open_for(teammate, extension).session
    Membership.objects.filter(user=teammate).delete()

    with pytest.raises(RefusedError):
        extend_session(session=session)


def test_ended_session__does_nothing_more(owner: User, extension: Extension) -> None:
    session = open_for(owner, extension).session
    end_session(session_id=session.pk, reason=EndReason.CLOSED)
    end_session(session_id=session.pk, reason=EndReason.REVOKED)

    with pytest.raises(EndedError):
        extend_session(session=session)
    with pytest.raises(EndedError):
        change_session(session=session, filter="")
    session.refresh_from_db()
    assert session.end_reason == EndReason.CLOSED
    assert list_actions() == ["session.opened", "session.closed"]


def test_progress__of_two_connections__adds_up(owner: User, extension: Extension) -> None:
    session = open_for(owner, extension).session
    for _ in range(2):
        record_progress(session_id=session.pk, counts={"produced": 5, "delivered": 3}, dropped={"slow_client": 2})

    session.refresh_from_db()

    assert (session.produced, session.delivered, session.dropped) == (10, 6, {"slow_client": 4})


# -- Judging and sweeping --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda session: None, None),
        (lambda session: move(session, expires_at=timezone.now()), EndReason.EXPIRED),
        (lambda session: move(session, ended_at=timezone.now()), EndReason.CLOSED),
        (lambda session: session.delete(), EndReason.CLOSED),
        (lambda session: Membership.objects.filter(user=session.user).delete(), EndReason.REVOKED),
        (lambda session: User.objects.filter(pk=session.user_id).update(is_active=False), EndReason.REVOKED),
        (lambda session: Extension.objects.update(is_enabled=False), EndReason.POLICY_CHANGED),
        (lambda session: Project.objects.update(deleted_at=timezone.now()), EndReason.REVOKED),
        (
            lambda session: set_rule("deny", scope="tenant", organization=session.extension.organization),
            EndReason.POLICY_CHANGED,
        ),
    ],
)
def test_judge__what_changed__ends_or_does_not(
    teammate: User, extension: Extension, change: Any, reason: EndReason | None
) -> None:
    session = open_for(teammate, extension).session
    session_id = session.pk

    change(session)

    assert judge_sessions([session_id])[session_id].reason == reason


@PRODUCTION
def test_judge__a_grant_taken_away__ends(owner: User, teammate: User, extension: Extension) -> None:
    set_rule("approval", scope="extension", extension=extension)
    grant = request_grant(extension=extension, requested_by=teammate, reason="a look")
    approve_grant(grant=grant, approved_by=owner)
    session = open_for(teammate, extension).session

    revoke_grant(grant=grant, revoked_by=owner)

    assert judge_sessions([session.pk])[session.pk].reason == EndReason.REVOKED


def test_judge__a_key_taken_away__ends_what_it_opened(teammate: User, extension: Extension) -> None:
    key = create_key(project=extension.project, name="Script", scopes=[Scope.READ, Scope.DEBUG], created_by=teammate)
    viewer = Viewer(user=teammate, transport="sse", key_id=key.key.pk)
    of_key = open_session(viewer=viewer, extension=extension, wish=Wish()).session
    of_person = open_for(teammate, extension).session

    revoke_key(key=key.key)

    verdicts = judge_sessions([of_key.pk, of_person.pk])
    assert [verdicts[each.pk].reason for each in (of_key, of_person)] == [EndReason.REVOKED, None]


def test_judge__more_is_to_be_hidden__ends_who_would_see_it(owner: User, teammate: User, extension: Extension) -> None:
    rule = set_rule("allow", scope="extension", extension=extension)
    before = open_for(teammate, extension).session

    update_policy(policy=rule, updated_by=None, redaction_profile="strict")

    after = open_for(owner, extension).session
    assert (before.redaction_profile, after.redaction_profile) == ("standard", "strict")
    verdicts = judge_sessions([before.pk, after.pk])
    assert [verdicts[each.pk].reason for each in (before, after)] == [EndReason.POLICY_CHANGED, None]


def test_sweep__late_and_lost__are_ended_and_others_are_not(owner: User, teammate: User, extension: Extension) -> None:
    late, lost, attached, apart = [open_for(user, extension).session for user in (owner, owner, teammate, teammate)]
    now = timezone.now()
    move(late, expires_at=now)
    move(lost, is_attached=True, last_seen_at=now - timedelta(seconds=46))
    move(attached, is_attached=True)
    move(apart, last_seen_at=now - timedelta(minutes=5))

    assert sweep_sessions() == 2

    reasons = [DebugSession.objects.get(pk=session.pk).end_reason for session in (late, lost, attached, apart)]
    assert reasons == ["expired", "lost", "", ""]


def test_sweep__ended_long_ago__is_forgotten(owner: User, extension: Extension) -> None:
    session = open_for(owner, extension).session
    move(session, ended_at=timezone.now() - timedelta(days=91))

    sweep_sessions()

    assert not DebugSession.objects.exists()


# -- Grants ----------------------------------------------------------------------------------------------------------


def test_grant__ones_own__cannot_be_approved(owner: User, extension: Extension) -> None:
    grant = request_grant(extension=extension, requested_by=owner, reason="a look")

    with pytest.raises(DeniedError):
        approve_grant(grant=grant, approved_by=owner)
    with pytest.raises(IntegrityError), transaction.atomic():
        DebugGrant.objects.filter(pk=grant.pk).update(approved_by=owner)


def test_grant__approved_by__takes_an_admin_of_the_project(
    owner: User, teammate: User, stranger: User, operator: User, extension: Extension
) -> None:
    grant = request_grant(extension=extension, requested_by=owner, reason="a look")

    with pytest.raises(DeniedError):
        approve_grant(grant=grant, approved_by=teammate)
    for person in (stranger, operator):
        with pytest.raises(NotFoundError):
            approve_grant(grant=grant, approved_by=person)


def test_grant__asked_for_by__members_and_operators_alone(
    teammate: User, stranger: User, operator: User, extension: Extension
) -> None:
    request_grant(extension=extension, requested_by=teammate, reason="a look")
    request_grant(extension=extension, requested_by=operator, reason="a look")
    with pytest.raises(NotFoundError):
        request_grant(extension=extension, requested_by=stranger, reason="a look")


def test_grant__decided_on__is_not_decided_on_again(owner: User, teammate: User, extension: Extension) -> None:
    grant = request_grant(extension=extension, requested_by=teammate, reason="a look")
    refuse_grant(grant=grant, refused_by=owner)

    with pytest.raises(DecidedError, match="refused"):
        approve_grant(grant=grant, approved_by=owner)
    assert list_actions() == ["grant.requested", "grant.refused"]


@pytest.mark.parametrize(
    ("wrong", "field"), [({"reason": " "}, "reason"), ({"minutes": 0}, "minutes"), ({"minutes": 10_000}, "minutes")]
)
def test_grant__that_cannot_be__is_refused_by_field(
    teammate: User, extension: Extension, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidError, match=f"^{field}:"):
        request_grant(extension=extension, requested_by=teammate, **{"reason": "a look", **wrong})


# -- Audit -----------------------------------------------------------------------------------------------------------


def _write_three(owner: User, extension: Extension) -> None:
    for number in range(3):
        write_audit("test.done", actor=owner, target="t", extension=extension, number=number, nested={"b": 1, "a": [2]})


def test_audit__untouched__is_well(owner: User, extension: Extension) -> None:
    _write_three(owner, extension)

    report = verify_audit()

    assert (report.broken_at, report.rows) == (None, DebugAudit.objects.count())
    call_command("debug_audit")


@pytest.mark.parametrize("statement", ["UPDATE debug_audit SET actor = 'x'", "DELETE FROM debug_audit"])
def test_audit__changed_by_anybody__is_refused_by_the_database(
    owner: User, extension: Extension, statement: str
) -> None:
    _write_three(owner, extension)

    with pytest.raises(IntegrityError, match="only be added to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("statement", "broken_at", "problem"),
    [
        ("UPDATE debug_audit SET detail = jsonb_set(detail, '{number}', '7') WHERE seq = 3", 3, "was changed"),
        ("UPDATE debug_audit SET at = at + interval '1 microsecond' WHERE seq = 2", 2, "was changed"),
        ("DELETE FROM debug_audit WHERE seq = 3", 3, "is missing"),
        ("DELETE FROM debug_audit WHERE seq = 4", 4, "missing at the end"),
        ("UPDATE debug_audit SET prev_hash = 'x' WHERE seq = 2", 2, "does not follow"),
    ],
)
def test_audit__changed_by_who_owns_the_database__shows(
    owner: User, extension: Extension, statement: str, broken_at: int, problem: str
) -> None:
    _write_three(owner, extension)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE debug_audit DISABLE TRIGGER debug_audit_sealed")
        cursor.execute(statement)

    report = verify_audit()

    assert report.broken_at == broken_at
    assert problem in report.problem
    with pytest.raises(CommandError, match=f"row {broken_at}"):
        call_command("debug_audit")


def test_audit__undone_with_what_it_tells_of__leaves_no_hole(owner: User, extension: Extension) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        write_audit("test.undone", actor=owner, target="t")
        _ = 1 / 0
    write_audit("test.done", actor=owner, target="t")

    assert verify_audit().broken_at is None
    assert DebugAuditHead.objects.get().seq == DebugAudit.objects.count()
