"""How often somebody may ask, counted by what the audit has of the last minute: the same for all processes."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from django.utils import timezone

from debugconsole.errors import TooOftenError
from debugconsole.models import DebugAudit

_MINUTE = timedelta(minutes=1)


def require_room(limit: int, words: str, **done: Any) -> None:
    """Raise `TooOftenError`, which says when there is room again, once so many such rows are of the last minute."""
    recent = DebugAudit.objects.filter(at__gt=timezone.now() - _MINUTE, **done).order_by("-at")
    times = list(recent.values_list("at", flat=True)[:limit])
    if len(times) == limit:
        wait_s = math.ceil((times[-1] + _MINUTE - timezone.now()).total_seconds())
        raise TooOftenError(f"At most {limit} {words}: wait a little.", retry_after_s=max(1, wait_s))
