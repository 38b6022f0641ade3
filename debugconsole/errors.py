"""What this room's services raise. `config.api_errors` maps each to a status, a `code` and a `detail`."""

from __future__ import annotations

from observability.errors import ObservabilityError


class DebugError(ObservabilityError):
    """Base of this room's errors."""


class BusyError(DebugError):
    """This process serves as many as it can."""

    code = "source_unavailable"
    status = 503
    retry_after_s = 2


class UnknownCallerError(DebugError):
    """Nobody is signed in, and no API key was sent that is good."""

    code = "not_authenticated"
    status = 401


class ConsoleOffError(DebugError):
    """The console is switched off here, which looks as if there were none."""

    code = "not_found"
    status = 404


class RefusedError(DebugError):
    """The policy does not let this person watch this now. `code` is the decision's own."""

    status = 403

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]


class ViewerLimitError(DebugError):
    """As many people watch as may at once."""

    code = "viewer_limit"
    status = 409


class AtLimitError(DebugError):
    """The session lasts as long as it may."""

    code = "at_limit"
    status = 409


class DecidedError(DebugError):
    """Somebody decided on it before, or its time is over."""

    code = "decided"
    status = 409


class EndedError(DebugError):
    """The session is over."""

    code = "ended"
    status = 409

    def __init__(self, message: str = "The session is over.", *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class CursorExpiredError(DebugError):
    """What follows the place to go on from is gone, and the client would rather not go on then."""

    code = "cursor_expired"
    status = 410


class TooOftenError(DebugError):
    """Asked for too much in a minute. `retry_after_s` says when there is room again."""

    code = "rate_limited"
    status = 429

    def __init__(self, message: str, *, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s  # type: ignore[misc]


class AuditUnavailableError(DebugError):
    """What was to be done could not be written down, so it was not done."""

    code = "audit_unavailable"
    status = 503
    retry_after_s = 2


class TicketError(DebugError):
    """The ticket is used, too old, or none."""

    code = "ticket"
    status = 401
