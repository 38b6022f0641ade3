"""What services raise. `config.api_errors` maps each to a status, a `code` and a `detail`."""

from __future__ import annotations

from typing import ClassVar


class ObservabilityError(Exception):
    """Base of this app's errors; the message is for the person who called."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    retry_after_s: ClassVar[int | None] = None
    """Seconds after which it is worth trying again."""


class NotFoundError(ObservabilityError):
    """The object does not exist, or belongs to somebody else: the two look the same."""

    code = "not_found"
    status = 404


class DeniedError(ObservabilityError):
    """The caller may see the object but not do this with it."""

    code = "denied"
    status = 403


class InvalidError(ObservabilityError):
    """A value cannot be used; the message names the field."""

    code = "invalid"
    status = 400


class SlowReadError(ObservabilityError):
    """A read took longer than it may, and has no part worth showing."""

    code = "out_of_time"
    status = 503
