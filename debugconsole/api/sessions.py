"""Sessions over REST: asked for, steered, extended and ended. Their lines come by the streams."""

from __future__ import annotations

from uuid import UUID

import msgspec
from drf_spectacular.utils import extend_schema
from msgspec import UNSET
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from debugconsole.api import examples
from debugconsole.api.bodies import SessionBody, SessionChange
from debugconsole.api.shapes import NewSession, Session, Ticket, describe_new_session, describe_session
from debugconsole.api.views import ENDED, ERRORS, LIMITS, REFUSED, UNAVAILABLE, DebugView
from debugconsole.models import DebugSession
from debugconsole.selectors.extensions import get_extension_for_viewer
from debugconsole.selectors.policy import explain
from debugconsole.services.sessions import (
    TICKET_SECONDS,
    Viewer,
    Wish,
    change_session,
    end_session,
    extend_session,
    get_session_for_viewer,
    open_session,
    renew_ticket,
)
from debugconsole.viewing import look_again
from debugconsole.wire.envelope import EndReason
from observability.api.bodies import read_body


class SessionList(DebugView):
    """Opens sessions."""

    @extend_schema(
        operation_id="debug_sessions_create",
        tags=["debug"],
        request=SessionBody,
        responses={201: NewSession, **ERRORS, **REFUSED, **LIMITS, **UNAVAILABLE},
        filters=True,
        examples=[examples.SESSION_BODY, examples.NEW_SESSION],
    )
    def post(self, request: Request) -> Response:
        """Open a session: a look at an extension's lines for a few minutes, decided by policy and written to the audit.

        Signed in, or with a key with the scopes `read` and `debug`, which acts for the person who made it. Read the
        lines by WebSocket (`ws_url?ticket=`), server-sent events (`sse_url`) or long-poll (`poll_url`).
        """
        watcher = self.find_watcher(request)
        body = read_body(request, SessionBody)
        extension = get_extension_for_viewer(watcher, body.extension)
        viewer = Viewer(
            user=watcher.user,
            transport=body.transport,
            key_id=watcher.key_id,
            ip=request.META.get("REMOTE_ADDR") or None,
            user_agent=request.headers.get("User-Agent", ""),
        )
        wish = Wish(
            install_id=body.install,
            request_id=body.request,
            filter=body.filter,
            tail=body.tail,
            reason=body.reason,
        )
        opened = open_session(viewer=viewer, extension=extension, wish=wish)
        return Response(describe_new_session(opened.session, opened.decision, opened.ticket), status=201)


class SessionView(DebugView):
    """One session of one's own."""

    @extend_schema(
        operation_id="debug_sessions_retrieve",
        tags=["debug"],
        responses={200: Session, **ERRORS},
        filters=True,
        examples=[examples.SESSION],
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """Return a session as it is, also one that is over, with what was and was not shown in it."""
        watcher = self.find_watcher(request)
        return _answer(get_session_for_viewer(watcher, session_id))

    @extend_schema(
        operation_id="debug_sessions_update",
        tags=["debug"],
        request=SessionChange,
        responses={200: Session, **ERRORS, **REFUSED, **ENDED, **UNAVAILABLE},
        filters=True,
        examples=[examples.SESSION_CHANGE, examples.SESSION],
    )
    def patch(self, request: Request, session_id: UUID) -> Response:
        """Change the filter, pause, or show a share of the lines. An open stream follows within a few seconds."""
        watcher = self.find_watcher(request)
        session = get_session_for_viewer(watcher, session_id)
        body = read_body(request, SessionChange)
        given = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
        if not given:
            raise ValidationError({"body": ["Give filter, paused or sample."]})
        changed = change_session(
            session=session, filter=given.get("filter"), is_paused=given.get("paused"), sample=given.get("sample")
        )
        look_again()
        return _answer(changed)

    @extend_schema(
        operation_id="debug_sessions_end",
        tags=["debug"],
        responses={204: None, **ERRORS, **UNAVAILABLE},
        filters=True,
    )
    def delete(self, request: Request, session_id: UUID) -> Response:
        """End a session. Its streams say so and close within seconds; ending it again changes nothing."""
        watcher = self.find_watcher(request)
        end_session(session_id=get_session_for_viewer(watcher, session_id).pk, reason=EndReason.CLOSED)
        look_again()
        return Response(status=204)


class SessionTicket(DebugView):
    """Tickets for sockets."""

    @extend_schema(
        operation_id="debug_sessions_ticket",
        tags=["debug"],
        request=None,
        responses={200: Ticket, **ERRORS, **ENDED},
        filters=True,
        examples=[examples.TICKET],
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """Return another ticket of an open session, for its next socket: it opens one, once, within 30 seconds."""
        watcher = self.find_watcher(request)
        ticket = renew_ticket(session=get_session_for_viewer(watcher, session_id))
        return Response(Ticket(ticket=ticket, expires_in=TICKET_SECONDS))


class SessionExtension(DebugView):
    """More time."""

    @extend_schema(
        operation_id="debug_sessions_extend",
        tags=["debug"],
        request=None,
        responses={200: Session, **ERRORS, **REFUSED, **ENDED, **UNAVAILABLE},
        filters=True,
        examples=[examples.SESSION],
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """Give a session five minutes more, as far as `hard_expires_at` (409 `at_limit` there). Decided anew."""
        watcher = self.find_watcher(request)
        extended = extend_session(session=get_session_for_viewer(watcher, session_id))
        look_again()
        return _answer(extended)


def _answer(session: DebugSession) -> Response:
    decision = explain(user=session.user, extension=session.extension, install_id=session.install_id)
    return Response(describe_session(session, decision))
