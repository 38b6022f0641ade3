"""What this room's services raise. `config.api_errors` maps each to a status, a `code` and a `detail`."""

from __future__ import annotations

from observability.errors import ObservabilityError


class DebugError(ObservabilityError):
    """Base of this room's errors."""


class BusyError(DebugError):
    """This process serves as many as it can."""

    code = "source_unavailable"
    status = 503
