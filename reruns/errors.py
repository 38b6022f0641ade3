"""What this room's services raise. `config.api_errors` maps each to a status, a `code` and a `detail`."""

from __future__ import annotations

from observability.errors import ObservabilityError


class RerunError(ObservabilityError):
    """Base of this room's errors."""


class WorkflowInputMissingError(RerunError):
    """The source trace does not say what its workflow was given, and the caller did not either (B6.12)."""

    code = "workflow_input_missing"
    status = 422


class NothingToRerunError(RerunError):
    """The trace has no event that could be run again."""

    code = "nothing_to_rerun"
    status = 422


class NotReplayableError(RerunError):
    """The values an event was recorded with are gone, or were never kept."""

    code = "not_replayable"
    status = 422


class RerunLimitError(RerunError):
    """The project's limit of reruns an hour, or of reruns at once, is reached."""

    code = "rerun_limit"
    status = 429


class FinishedError(RerunError):
    """The trigger has come to its end, so it cannot be changed any more."""

    code = "finished"
    status = 409


class TooLargeError(RerunError):
    """More bytes than are taken, or given, at once."""

    code = "too_large"
    status = 413


class ResultUnreadableError(RerunError):
    """A result names no step or run of its trigger."""

    code = "invalid"
    status = 400
