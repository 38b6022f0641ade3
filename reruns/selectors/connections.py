"""Reads of connected SDKs, and which of them a trigger goes to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.db.models import Q, QuerySet
from django.utils import timezone
from msgspec import Meta

from observability.models import SdkSession, Trace
from observability.selectors.shapes import Time
from reruns.models import SdkConnection, Trigger
from reruns.models.connections import LOST_AFTER


class ConnectedSession(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One SDK process that is connected, or was."""

    session_id: str
    is_connected: bool
    may_rerun: Annotated[bool, Meta(description="Its key has the scope `rerun`, so it is sent reruns.")]
    tools: list[str]
    workflows: list[str]
    branch: str
    sdk_version: str
    key_name: str
    connected_at: Time
    last_seen_at: Time
    closed_at: Time | None
    closed_because: str


class ConnectedSessions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """SDK processes of a project, connected ones first."""

    items: list[ConnectedSession]


def open_connections(project_id: int) -> QuerySet[SdkConnection]:
    """Return the sockets that can be reached, newest first. Served by `sdk_connections_open`."""
    alive = Q(closed_at=None, last_seen_at__gt=timezone.now() - LOST_AFTER)
    return SdkConnection.objects.filter(alive, project=project_id).order_by("-connected_at", "-id")


def takes_reruns() -> Q:
    """Return the condition for sockets that triggers may go to: the key still holds, and has the scope."""
    is_current = Q(key__expires_at=None) | Q(key__expires_at__gt=timezone.now())
    return Q(may_rerun=True, key__revoked_at=None) & is_current


def list_sessions(project_id: int, *, since: datetime, limit: int = 200) -> ConnectedSessions:
    """Return the sessions that are connected or were since a time, each once, with its newest socket. Two queries.

    What an SDK does not say when it registers is taken from the batches it sent.
    """
    rows = SdkConnection.objects.filter(project=project_id, last_seen_at__gte=since).select_related("key")
    newest: dict[str, SdkConnection] = {}
    for row in rows.order_by("-connected_at", "-id")[: limit * 4]:
        known = newest.get(row.session_id)
        if known is None or (row.is_open and not known.is_open):
            newest[row.session_id] = row
    sent = SdkSession.objects.filter(project_id=project_id, session_id__in=list(newest))
    metadata = dict(sent.values_list("session_id", "metadata"))
    items = [_describe(row, metadata.get(row.session_id, {})) for row in newest.values()]
    items.sort(key=lambda item: (not item.is_connected, -item.connected_at.timestamp()))
    return ConnectedSessions(items=items[:limit])


def list_takers(project_id: int) -> list[SdkConnection]:
    """Return the sockets that triggers of a project may go to, newest first. One query."""
    return list(open_connections(project_id).filter(takes_reruns()))


def is_reachable(project_id: int, session_id: str) -> bool:
    """Say whether a session has a socket that triggers may go to. One query."""
    return open_connections(project_id).filter(takes_reruns(), session_id=session_id).exists()


def choose_connection(trigger: Trigger, takers: list[SdkConnection] | None = None) -> tuple[SdkConnection | None, str]:
    """Return the socket a trigger goes to, or None and why it has to wait (B6.13). Two queries, or one with `takers`.

    1. The session that was asked for, and once it was sent, the one it was sent to.
    2. The session that sent the trace.
    3. The newest that says it has the workflow; for calls, all the tools.
    4. The only one there is.
    """
    found = list_takers(trigger.project_id) if takers is None else takers
    fixed = trigger.session_id or trigger.requested_session_id
    if fixed:
        own = _find_session(found, fixed)
        return own, "" if own else f"The SDK session {fixed} is not connected."
    if not found:
        return None, "No SDK that takes reruns is connected."
    sender = Trace.objects.filter(project_id=trigger.project_id, trace_id=trigger.trace_id).values_list("session_id")
    chosen = _find_session(found, next((row[0] for row in sender), None)) or _find_able(found, trigger)
    if chosen is None and len({row.session_id for row in found}) == 1:
        chosen = found[0]
    return chosen, "" if chosen else "Several SDKs are connected, and none says that it can run this: choose one."


def can_take(connection: SdkConnection, trigger: Trigger, takers: list[SdkConnection]) -> bool:
    """Say whether a waiting trigger would go to this socket now. One query, for a trigger that names no session."""
    chosen, _ = choose_connection(trigger, takers)
    return chosen is not None and chosen.session_id == connection.session_id


def _find_session(found: list[SdkConnection], session_id: str | None) -> SdkConnection | None:
    return next((row for row in found if row.session_id == session_id), None)


def _find_able(found: list[SdkConnection], trigger: Trigger) -> SdkConnection | None:
    if trigger.mode == Trigger.Mode.WORKFLOW:
        return next((row for row in found if trigger.workflow_name in row.workflows), None)
    tools = {step["event_name"] for step in trigger.steps if step["event_type"] == "tool"}
    return next((row for row in found if tools <= set(row.tools)), None) if tools else None


def _describe(row: SdkConnection, metadata: Any) -> ConnectedSession:
    sent = metadata if isinstance(metadata, dict) else {}
    branch = row.branch or sent.get("branch") or ""
    version = row.sdk_version or sent.get("sdkVersion") or ""
    return ConnectedSession(
        session_id=row.session_id,
        is_connected=row.is_open,
        may_rerun=row.may_rerun,
        tools=list(row.tools),
        workflows=list(row.workflows),
        branch=branch if isinstance(branch, str) else "",
        sdk_version=version if isinstance(version, str) else "",
        key_name=row.key.name,
        connected_at=row.connected_at,
        last_seen_at=row.last_seen_at,
        closed_at=row.closed_at,
        closed_because=row.closed_because,
    )
