"""The cache: Valkey, or this process's own memory while Valkey cannot be reached.

What is cached here (limits on sign-in attempts, above all) must neither fail a page nor be open to everybody because
a server is down. In memory the limits still hold, for each process by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ConnectionError as ValkeyConnectionError
from redis.exceptions import TimeoutError as ValkeyTimeoutError

log = structlog.get_logger(__name__)

# Until then memory is used without trying: a server that does not answer costs its time-out once, not every page.
RETRY_AFTER_SECONDS = 5.0

T = TypeVar("T")
Version = int | None

# Of the process: Django makes a cache object for every thread.
_down_until = 0.0


class ValkeyOrMemoryCache(BaseCache):
    """Every operation of Django's cache that is not made of others."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._valkey = RedisCache(server, params)
        self._memory = LocMemCache("fallback", params)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Version = None) -> bool:
        """Set the value unless there is one; return whether it was set."""
        return self._try(lambda cache: cache.add(key, value, timeout, version))

    def get(self, key: str, default: Any = None, version: Version = None) -> Any:
        """Return the value or the default."""
        return self._try(lambda cache: cache.get(key, default, version))

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Version = None) -> None:
        """Set the value."""
        self._try(lambda cache: cache.set(key, value, timeout, version))

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: Version = None) -> bool:
        """Give the value another end; return whether there is one."""
        return self._try(lambda cache: cache.touch(key, timeout, version))

    def delete(self, key: str, version: Version = None) -> bool:
        """Delete the value; return whether there was one."""
        return self._try(lambda cache: cache.delete(key, version))

    def incr(self, key: str, delta: int = 1, version: Version = None) -> int:
        """Add to a number and return it; raises `ValueError` when there is none."""
        return self._try(lambda cache: cache.incr(key, delta, version))

    def has_key(self, key: str, version: Version = None) -> bool:
        """Say whether there is a value."""
        return self._try(lambda cache: cache.has_key(key, version))

    def clear(self) -> None:
        """Forget everything."""
        self._try(lambda cache: cache.clear())

    def _try(self, operation: Callable[[BaseCache], T]) -> T:
        global _down_until
        if time.monotonic() >= _down_until:
            try:
                return operation(self._valkey)
            except (ValkeyConnectionError, ValkeyTimeoutError) as error:
                _down_until = time.monotonic() + RETRY_AFTER_SECONDS
                log.warning("cache.unreachable", error=str(error), retry_after_s=RETRY_AFTER_SECONDS)
        return operation(self._memory)
