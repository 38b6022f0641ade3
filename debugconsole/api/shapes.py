"""What the API answers about extensions and sessions. Snake case, as the envelope of the streams."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from debugconsole.models import DebugSession, Extension
from debugconsole.readers.feed import FeedLimits
from debugconsole.readers.pace import PaceLimits
from debugconsole.selectors.policy import Decision
from debugconsole.wire.envelope import Cause
from observability.selectors.shapes import Time

_FEED = FeedLimits()
_PACE = PaceLimits()


class ProjectReference(msgspec.Struct, frozen=True, kw_only=True):
    """The project of an extension."""

    id: int
    name: str
    slug: str
    organization: Annotated[str, Meta(description="Slug of its organization.")]


class ExtensionItem(msgspec.Struct, frozen=True, kw_only=True):
    """An extension whose output can be watched."""

    id: Annotated[int, Meta(description="Its number.")]
    extension_id: Annotated[str, Meta(description="As runners name it.")]
    name: str
    project: ProjectReference
    capabilities: list[str]
    is_enabled: bool
    created_at: Time


class Extensions(msgspec.Struct, frozen=True, kw_only=True):
    """Extensions, by project and name."""

    items: list[ExtensionItem]
    is_complete: Annotated[bool, Meta(description="false: there are more than are listed; name a project.")]


class SessionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is sent and kept for. Above the rates an even share of the lines is shown, and told."""

    lines_per_second: int
    bytes_per_second: int
    severe_per_second: Annotated[int, Meta(description="Warnings and errors beyond the rest.")]
    queue_lines: Annotated[int, Meta(description="That may wait for a slow viewer.")]
    queue_bytes: int


class SessionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What lets the session be, as of now."""

    rule: Annotated[str, Meta(description="`<number>.<version>`, or `default`.")]
    is_allowed: bool
    code: str
    reason: str
    grant_id: int | None


class SessionCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Of all the session's connections, a few seconds old: produced = delivered + waiting + filtered + dropped."""

    produced: int
    delivered: int
    filtered: int
    dropped: Annotated[dict[str, int], Meta(description=f"By cause: {', '.join(f'`{cause}`' for cause in Cause)}.")]
    lost: Annotated[int, Meta(description="Of the dropped: gone before they could be read.")]
    redacted: Annotated[int, Meta(description="Secrets that were hidden.")]
    bytes: int
    resumes: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One look at an extension's lines, for a while."""

    id: UUID
    extension: ExtensionItem
    install: str
    request: str
    filter: Annotated[str, Meta(description="In its canonical spelling.")]
    tail: int
    transport: str
    reason: str
    paused: bool
    sample: float
    is_open: bool
    created_at: Time
    opened_at: Time | None
    expires_at: Time
    hard_expires_at: Annotated[Time, Meta(description="No further can it be extended.")]
    ended_at: Time | None
    end_reason: str | None
    limits: SessionLimits
    policy: SessionPolicy
    allows_export: bool
    redaction_profile: Annotated[
        str, Meta(description="`standard` hides secrets; `strict` hides e-mail and IP addresses, too.")
    ]
    counts: SessionCounts
    ws_url: Annotated[str, Meta(description="Paths of this server; add `ticket` or sign in.")]
    sse_url: str
    poll_url: str
    export_url: str


class NewSession(Session, frozen=True, kw_only=True):
    """A session just made."""

    ticket: Annotated[str, Meta(description="Opens its socket once, within 30 seconds.")]


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """For the session's next socket; an older one is void."""

    ticket: str
    expires_in: Annotated[int, Meta(description="Seconds.")]


def describe_extension(extension: Extension) -> ExtensionItem:
    """Return an extension as the API shows it. No query: project and organization came with it."""
    project = extension.project
    return ExtensionItem(
        id=extension.pk,
        extension_id=extension.extension_id,
        name=extension.name,
        project=ProjectReference(
            id=project.pk, name=project.name, slug=project.slug, organization=extension.organization.slug
        ),
        capabilities=list(extension.capabilities),
        is_enabled=extension.is_enabled,
        created_at=extension.created_at,
    )


def describe_session(session: DebugSession, decision: Decision) -> Session:
    """Return a session as the API shows it, with the decision of now. No query."""
    path = f"/api/debug/sessions/{session.pk}"
    return Session(
        id=session.pk,
        extension=describe_extension(session.extension),
        install=session.install_id,
        request=session.request_id,
        filter=session.filter,
        tail=session.tail,
        transport=session.transport,
        reason=session.reason,
        paused=session.is_paused,
        sample=session.sample,
        is_open=session.is_open,
        created_at=session.created_at,
        opened_at=session.opened_at,
        expires_at=session.expires_at,
        hard_expires_at=session.hard_expires_at,
        ended_at=session.ended_at,
        end_reason=session.end_reason or None,
        limits=SessionLimits(
            lines_per_second=session.lines_per_second,
            bytes_per_second=_PACE.bytes_per_second,
            severe_per_second=_PACE.severe_per_second,
            queue_lines=_FEED.lines,
            queue_bytes=_FEED.bytes,
        ),
        policy=SessionPolicy(
            rule=decision.rule,
            is_allowed=decision.is_allowed,
            code=decision.code,
            reason=decision.reason,
            grant_id=decision.grant_id,
        ),
        allows_export=decision.is_allowed and decision.limits.allows_export,
        redaction_profile=session.redaction_profile,
        counts=_describe_counts(session),
        ws_url=f"/ws/debug/sessions/{session.pk}",
        sse_url=f"{path}/events",
        poll_url=f"{path}/poll",
        export_url=f"{path}/export",
    )


def describe_new_session(session: DebugSession, decision: Decision, ticket: str) -> NewSession:
    """As `describe_session`, with the ticket."""
    return NewSession(**msgspec.structs.asdict(describe_session(session, decision)), ticket=ticket)


def _describe_counts(session: DebugSession) -> SessionCounts:
    return SessionCounts(
        produced=session.produced,
        delivered=session.delivered,
        filtered=session.filtered,
        dropped=session.dropped,
        lost=session.dropped.get(Cause.RETENTION, 0),
        redacted=session.redacted,
        bytes=session.bytes,
        resumes=session.resumes,
    )
