"""What figures and lists are about: production. Reruns are left out until somebody asks for them.

A trace is a rerun as soon as one of its events is; an event is one by its own flag (`EventFlag.RERUN`). Figures that
are kept (`step_hours`, the fingerprints of errors) leave reruns out when they are written, everything else by this
condition. It is spelled as an inequality because Postgres takes those for true of nearly all rows, and plans well.
"""

from __future__ import annotations

from django.db.models import F, Q
from django.db.models.lookups import Exact

from observability.flags import EventFlag

_RERUN = EventFlag.RERUN.value
NO_RERUN_SQL = f"flags & {_RERUN} <> {_RERUN}"
"""For statements over one table that has `flags`."""
NO_RERUNS = ~Q(Exact(F("flags").bitand(_RERUN), _RERUN))
"""The same for querysets of traces and of events."""
