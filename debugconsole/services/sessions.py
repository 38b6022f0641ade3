"""Sessions: opened by a decision, bounded in time and number, written down before the first line is shown."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from debugconsole.errors import (
    AtLimitError,
    ConsoleOffError,
    EndedError,
    RefusedError,
    TicketError,
    ViewerLimitError,
)
from debugconsole.filters import parse_filter
from debugconsole.filters.parse import MOST_CHARACTERS
from debugconsole.metrics import DECISIONS, SESSION_ENDS, SESSIONS
from debugconsole.models import DebugSession, Extension
from debugconsole.selectors.policy import Ask, Decision, decide_many, explain
from debugconsole.selectors.watchers import Watcher
from debugconsole.services.audit import write_audit
from debugconsole.services.pace import require_room
from debugconsole.wire.envelope import EndReason
from debugconsole.wire.profiles import PROFILES
from observability.errors import InvalidError, NotFoundError, ObservabilityError
from observability.models import Organization, User
from observability.query import QueryError

TICKET_SECONDS = 30
EXTEND_MINUTES = 5
LOST_AFTER = timedelta(seconds=45)
LEFT_AFTER = timedelta(seconds=15)
"""Without a connection for so long, a session may make room: a page that reloads is back by then."""
FORGET_AFTER = timedelta(days=90)
MOST_OF_USER = 3
MOST_OF_TENANT = 25
CREATES_OF_USER = 10
CREATES_OF_TENANT = 60
EXPORTS_OF_USER = 10
MOST_TAIL = 2_000
_ASKED = ("session.opened", "session.denied")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks, and from where."""

    user: User
    transport: str
    key_id: int | None = None
    ip: str | None = None
    user_agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What they want to see of an extension."""

    install_id: str = ""
    request_id: str = ""
    filter: str = ""
    tail: int = 200
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session just made. `ticket` opens its socket once; it is nowhere else in the clear."""

    session: DebugSession
    ticket: str
    decision: Decision


def open_session(*, viewer: Viewer, extension: Extension, wish: Wish) -> Opened:
    """Make a session, or refuse, and write down which.

    Raises `ConsoleOffError`, `TooOftenError`, `QueryError` for the filter, `InvalidError`, `NotFoundError` for who may
    not know of the extension, `RefusedError` with the decision's code, `ViewerLimitError`, `AuditUnavailableError`.
    """
    try:
        opened = _open(viewer, extension, wish)
    except ObservabilityError as error:
        SESSIONS.labels(error.code).inc()
        raise
    SESSIONS.labels("opened").inc()
    return opened


def _open(viewer: Viewer, extension: Extension, wish: Wish) -> Opened:
    if not settings.DEBUG_CONSOLE_ENABLED:
        raise ConsoleOffError("No such page.")
    _check_wish(wish)
    _check_pace(viewer.user, extension)
    decision = explain(user=viewer.user, extension=extension, install_id=wish.install_id)
    DECISIONS.labels(decision.code, decision.decided_by).inc()
    if not decision.is_allowed:
        _refuse(viewer, extension, decision)
    with transaction.atomic():
        # The lock that makes the counts exact.
        Organization.objects.select_for_update(no_key=True).get(pk=extension.organization_id)
        _make_room(viewer.user)
        _check_viewers(viewer.user, extension, decision)
        session, ticket = _make_session(viewer, extension, wish, decision)
        _write("session.opened", session, decision=decision.rule, grant=decision.grant_id, reason=wish.reason)
    return Opened(session=session, ticket=ticket, decision=decision)


@transaction.atomic
def redeem_ticket(*, session_id: UUID, ticket: str) -> DebugSession:
    """Return the session a ticket opens. It does so once. Raises `TicketError`."""
    session = _lock(session_id)
    is_good = session is not None and session.ticket_hash and session.ticket_hash == _hash(ticket)
    if session is None or not is_good or (session.ticket_expires_at or timezone.now()) <= timezone.now():
        raise TicketError("The ticket is used, too old, or none.")
    session.ticket_hash = ""
    session.save(update_fields=["ticket_hash"])
    return _require_open(session)


def renew_ticket(*, session: DebugSession) -> str:
    """Return another ticket of an open session, for its viewer's next socket; an older one is void.

    Raises `EndedError`.
    """
    _require_open(session)
    ticket = secrets.token_urlsafe(24)
    session.ticket_hash = _hash(ticket)
    session.ticket_expires_at = timezone.now() + timedelta(seconds=TICKET_SECONDS)
    session.save(update_fields=["ticket_hash", "ticket_expires_at"])
    return ticket


def get_session_for_user(user: User, session_id: UUID) -> DebugSession:
    """Return a session of this person's own. Raises `NotFoundError` for all others."""
    found = _all().filter(pk=session_id, user=user).first()
    if found is None or not settings.DEBUG_CONSOLE_ENABLED:
        raise NotFoundError("No such session.")
    return found


def get_session_for_viewer(watcher: Watcher, session_id: UUID) -> DebugSession:
    """As `get_session_for_user`; through a key only sessions that it opened, which end with it."""
    found = get_session_for_user(watcher.user, session_id)
    if watcher.key_id not in (None, found.api_key_id):
        raise NotFoundError("No such session.")
    return found


def find_open_session(*, viewer: Viewer, extension: Extension, wish: Wish) -> DebugSession | None:
    """Return the newest open session in which this person watches just that, and through the same key, if any."""
    found = _all().filter(user=viewer.user, api_key=viewer.key_id, transport=viewer.transport, ended_at=None)
    same = found.filter(
        extension=extension, install_id=wish.install_id, request_id=wish.request_id, expires_at__gt=timezone.now()
    )
    return same.order_by("-created_at").first()


@transaction.atomic
def extend_session(*, session: DebugSession) -> DebugSession:
    """Give an open session `EXTEND_MINUTES` more, as far as its policy lets it. Decided anew.

    Raises `EndedError`, `RefusedError`, and `AtLimitError` at the end of what is possible.
    """
    locked = _require_open(_lock(session.pk))
    _require_allowed(locked)
    if locked.expires_at >= locked.hard_expires_at:
        raise AtLimitError("It lasts as long as it may: open another.")
    locked.expires_at = min(locked.hard_expires_at, locked.expires_at + timedelta(minutes=EXTEND_MINUTES))
    locked.save(update_fields=["expires_at"])
    _write("session.extended", locked, expires_at=locked.expires_at.isoformat())
    return locked


@transaction.atomic
def change_session(
    *, session: DebugSession, filter: str | None = None, is_paused: bool | None = None, sample: float | None = None
) -> DebugSession:
    """Keep another filter, pause or share of lines with an open session; None leaves a value alone. Decided anew.

    The feed follows: at once in its own process, in another when it looks at the row next. Raises `QueryError`,
    `InvalidError` for a share that is none, `EndedError` and `RefusedError`.
    """
    canonical = None if filter is None else _spell(filter)
    if sample is not None and not 0 <= sample <= 1:
        raise InvalidError("sample: give a share of the lines, from 0 to 1")
    locked = _require_open(_lock(session.pk))
    _require_allowed(locked)
    changes: list[tuple[str, Any, str, dict[str, Any]]] = [
        ("filter", canonical, "session.filter_changed", {"filter": canonical}),
        ("is_paused", is_paused, "session.paused" if is_paused else "session.unpaused", {}),
        ("sample", sample, "session.sampled", {"percent": None if sample is None else round(sample * 100)}),
    ]
    for name, value, action, detail in changes:
        if value is not None and value != getattr(locked, name):
            setattr(locked, name, value)
            _write(action, locked, **detail)
    locked.save(update_fields=[name for name, *_ in changes])
    return locked


@transaction.atomic
def attach_session(*, session: DebugSession, is_resumed: bool) -> DebugSession:
    """Note that a connection of the session begins, before it is given anything. Raises `EndedError`."""
    locked = _require_open(_lock(session.pk))
    now = timezone.now()
    locked.is_attached, locked.last_seen_at = True, now
    locked.opened_at = locked.opened_at or now
    locked.resumes += int(is_resumed)
    locked.save(update_fields=["is_attached", "last_seen_at", "opened_at", "resumes"])
    if is_resumed:
        _write("session.resumed", locked)
    return locked


@transaction.atomic
def allow_export(*, session: DebugSession, format: str) -> None:
    """Let an open session's lines be taken away as a file, and write it down before the first of them. Decided anew.

    Raises `EndedError`, `RefusedError` (`export_denied` where only the file is refused), `TooOftenError`.
    """
    locked = _require_open(_lock(session.pk))
    if not _require_allowed(locked).limits.allows_export:
        raise RefusedError("No rule lets you take lines away as a file.", code="export_denied")
    require_room(EXPORTS_OF_USER, "files a minute", action="session.exported", actor_id=locked.user_id)
    _write("session.exported", locked, format=format, filter=locked.filter)


@transaction.atomic
def record_progress(
    *, session_id: UUID, counts: Mapping[str, int], dropped: Mapping[str, int], is_attached: bool = True
) -> None:
    """Add what a connection did since it was last recorded. Counts are `produced`, `delivered`, `filtered`, ..."""
    session = _lock(session_id)
    if session is None:
        return
    for name, count in counts.items():
        setattr(session, name, getattr(session, name) + count)
    for cause, count in dropped.items():
        session.dropped[cause] = session.dropped.get(cause, 0) + count
    session.last_seen_at, session.is_attached = timezone.now(), is_attached
    session.save(update_fields=[*counts, "dropped", "last_seen_at", "is_attached"])


@transaction.atomic
def end_session(*, session_id: UUID, reason: EndReason) -> None:
    """End a session, and write down why and what it was shown. Idempotent."""
    session = _lock(session_id)
    if session is None or session.ended_at is not None:
        return
    session.ended_at, session.end_reason, session.is_attached = timezone.now(), reason, False
    session.ticket_hash = ""
    session.save(update_fields=["ended_at", "end_reason", "is_attached", "ticket_hash"])
    SESSION_ENDS.labels(reason).inc()
    _write(
        "session.closed",
        session,
        reason=str(reason),
        produced=session.produced,
        delivered=session.delivered,
        filtered=session.filtered,
        dropped=session.dropped,
    )


class Verdict(NamedTuple):
    """A session as it is now, and why it must end, if it must."""

    session: DebugSession | None
    reason: EndReason | None


def judge_sessions(session_ids: list[UUID]) -> dict[UUID, Verdict]:
    """Say of each session whether it must end now, and why. A fixed number of queries."""
    found = {session.pk: session for session in _all().filter(pk__in=session_ids)}
    asks = {pk: Ask(session.user, session.extension, session.install_id) for pk, session in found.items()}
    decisions = dict(zip(asks, decide_many(list(asks.values())), strict=True)) if asks else {}
    return {pk: Verdict(found.get(pk), _judge(found.get(pk), decisions.get(pk))) for pk in session_ids}


def sweep_sessions() -> int:
    """End what nobody ended: sessions past their time, and those whose process is gone. Returns how many."""
    now = timezone.now()
    late = Q(expires_at__lte=now) | Q(is_attached=True, last_seen_at__lte=now - LOST_AFTER)
    found = list(DebugSession.objects.filter(late, ended_at=None)[:500])
    for session in found:
        end_session(session_id=session.pk, reason=EndReason.EXPIRED if session.expires_at <= now else EndReason.LOST)
    DebugSession.objects.filter(ended_at__lte=now - FORGET_AFTER).delete()
    return len(found)


# -- Inside ----------------------------------------------------------------------------------------------------------


def _judge(session: DebugSession | None, decision: Decision | None) -> EndReason | None:
    if session is None or session.ended_at is not None:
        return EndReason.CLOSED
    if session.expires_at <= timezone.now():
        return EndReason.EXPIRED
    if session.api_key is not None and session.api_key.state != "active":
        return EndReason.REVOKED
    if decision is not None and not decision.is_allowed:
        is_rule = decision.code in ("policy_denied", "console_off", "extension_disabled", "capability_missing")
        return EndReason.POLICY_CHANGED if is_rule else EndReason.REVOKED
    if decision is not None and _shows_more(session.redaction_profile, decision.limits.redaction_profile):
        return EndReason.POLICY_CHANGED
    return None


def _shows_more(profile: str, allowed: str) -> bool:
    return PROFILES.index(profile) < PROFILES.index(allowed)


def _spell(filter: str) -> str:
    """Return a filter's canonical spelling. Raises `QueryError`, also where that is too long: quotes may be added."""
    canonical = parse_filter(filter).to_text()
    if len(canonical) > MOST_CHARACTERS:
        message = f"too long: written out it has {len(canonical)} characters, at most {MOST_CHARACTERS} are kept"
        raise QueryError(message, position=0, length=len(filter))
    return canonical


def _check_wish(wish: Wish) -> None:
    _spell(wish.filter)
    if not 0 <= wish.tail <= MOST_TAIL:
        raise InvalidError(f"tail: give 0 to {MOST_TAIL}")
    for name, limit in (("install_id", 200), ("request_id", 400), ("reason", 300)):
        value = getattr(wish, name)
        if len(value) > limit or "\x00" in value:
            raise InvalidError(f"{name}: give at most {limit} characters, without NUL")


def _check_pace(user: User, extension: Extension) -> None:
    require_room(CREATES_OF_USER, "sessions a minute", action__in=_ASKED, actor_id=user.pk)
    words, organization = "sessions a minute in one organization", extension.organization_id
    require_room(CREATES_OF_TENANT, words, action__in=_ASKED, organization_id=organization)


def _refuse(viewer: Viewer, extension: Extension, decision: Decision) -> None:
    write_audit(
        "session.denied",
        actor=viewer.user,
        extension=extension,
        target=extension.extension_id,
        code=decision.code,
        rule=decision.rule,
        ip=viewer.ip or "",
    )
    if decision.code == "not_found":
        raise NotFoundError(decision.reason)
    raise RefusedError(decision.reason, code=decision.code)


def _make_room(user: User) -> None:
    """Where a person has as many sessions as may be, end the oldest that nobody is connected to: it was left behind."""
    open_ones = DebugSession.objects.filter(user=user, ended_at=None, expires_at__gt=timezone.now())
    if open_ones.count() < MOST_OF_USER:
        return
    left = open_ones.filter(is_attached=False, last_seen_at__lte=timezone.now() - LEFT_AFTER)
    oldest = left.order_by("last_seen_at").first()
    if oldest is not None:
        end_session(session_id=oldest.pk, reason=EndReason.REPLACED)


def _check_viewers(user: User, extension: Extension, decision: Decision) -> None:
    open_ones = DebugSession.objects.filter(ended_at=None, expires_at__gt=timezone.now())
    limits = (
        (MOST_OF_USER, "sessions of yours are open", {"user": user}),
        (decision.limits.max_viewers, "people watch this extension", {"extension": extension}),
        (MOST_OF_TENANT, "people watch in this organization", {"extension__organization": extension.organization_id}),
    )
    for limit, words, narrow in limits:
        if open_ones.filter(**narrow).count() >= limit:
            raise ViewerLimitError(f"{limit} {words}, which is the limit.")


def _make_session(viewer: Viewer, extension: Extension, wish: Wish, decision: Decision) -> tuple[DebugSession, str]:
    now = timezone.now()
    hard = now + timedelta(minutes=decision.limits.hard_ttl_minutes)
    session = DebugSession(
        user=viewer.user,
        api_key_id=viewer.key_id,
        extension=extension,
        install_id=wish.install_id,
        request_id=wish.request_id,
        filter=_spell(wish.filter),
        tail=wish.tail,
        transport=viewer.transport,
        reason=wish.reason,
        grant_id=decision.grant_id,
        policy=decision.rule,
        lines_per_second=decision.limits.lines_per_second,
        redaction_profile=decision.limits.redaction_profile,
        expires_at=now + timedelta(minutes=decision.limits.ttl_minutes),
        hard_expires_at=hard,
        ip=viewer.ip,
        user_agent=viewer.user_agent[:200],
    )
    if session.grant is not None:
        session.expires_at = min(session.expires_at, session.grant.expires_at)
        session.hard_expires_at = min(hard, session.grant.expires_at)
    session.save(force_insert=True)
    return session, renew_ticket(session=session)


def _all() -> QuerySet[DebugSession]:
    return DebugSession.objects.select_related(
        "user", "api_key", "extension__project__organization", "extension__organization"
    )


def _lock(session_id: UUID) -> DebugSession | None:
    return _all().select_for_update(of=("self",)).filter(pk=session_id).first()


def _require_allowed(session: DebugSession) -> Decision:
    decision = explain(user=session.user, extension=session.extension, install_id=session.install_id)
    if not decision.is_allowed:
        raise RefusedError(decision.reason, code=decision.code)
    return decision


def _require_open(session: DebugSession | None) -> DebugSession:
    if session is None or not session.is_open:
        raise EndedError(reason=session.end_reason if session else "")
    return session


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="replace")).hexdigest()


def _write(action: str, session: DebugSession, **detail: Any) -> None:
    write_audit(
        action,
        actor=session.user,
        extension=session.extension,
        target=session.extension.extension_id,
        session_id=session.pk,
        **detail,
    )
