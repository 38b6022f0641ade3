"""How often one person may ask for lines that do not come by themselves."""

from __future__ import annotations

import time

from debugconsole.errors import TooOftenError
from debugconsole.readers.pace import Bucket
from observability.models import User

ASKS_PER_SECOND = 10
_REMEMBER_MOST = 10_000
_buckets: dict[int, Bucket] = {}


def check_pace(user: User) -> None:
    """Count a request of this person to this process. Raises `TooOftenError`."""
    now = time.monotonic()
    if len(_buckets) >= _REMEMBER_MOST:
        _buckets.clear()
    if not _buckets.setdefault(user.pk, Bucket(ASKS_PER_SECOND, now)).take(1, now):
        raise TooOftenError(f"At most {ASKS_PER_SECOND} requests a second: wait a little.", retry_after_s=1)
