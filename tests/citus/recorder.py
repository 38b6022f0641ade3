"""Read the rules of `rules.py` to every statement that the product itself issues while tests run.

A statement counts as the product's when the nearest frame of this project on the stack is not a test's. Those that have
a reason to break a rule are named in `exceptions.py`; any other fails the test that issued it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from tests.citus.exceptions import EXCEPTIONS
from tests.citus.rules import find_breaches

_ROOT = Path(__file__).resolve().parents[2]
_PRODUCT = f"{_ROOT}/observability/"
_MIGRATIONS = f"{_PRODUCT}migrations/"
_TESTS = f"{_ROOT}/tests/"
# Modules that run what another one wrote: the author is asked, not they.
_CARRIERS = (f"{_PRODUCT}selectors/rows.py", f"{_PRODUCT}selectors/windows.py", f"{_PRODUCT}selectors/budget.py")


class CitusBreachError(AssertionError):
    """The product issued a statement that Citus would refuse or answer slowly."""


def check(execute: Callable[..., Any], statement: Any, params: Any, many: bool, context: Any) -> Any:
    """Refuse a statement of the product that breaks a rule; run all others. An execute wrapper of Django's."""
    breaches = find_breaches(statement) if isinstance(statement, str) else ()
    if breaches:
        place = find_place()
        refused = [breach for breach in breaches if (place, breach) not in EXCEPTIONS] if place else []
        if refused:
            raise CitusBreachError(f"{place}: {'; '.join(refused)}\n{statement}")
    return execute(statement, params, many, context)


def find_place() -> str:
    """Return `module.function` of the product's code that is under way, or nothing where a test itself asks."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_TESTS) and "/tests/citus/recorder.py" not in name:
            return ""
        if name.startswith(_PRODUCT) and not name.startswith(_MIGRATIONS) and name not in _CARRIERS:
            module = name.removeprefix(f"{_ROOT}/").removesuffix(".py").replace("/", ".")
            return f"{module}.{frame.f_code.co_qualname.split('.<locals>')[0]}"
        frame = frame.f_back
    return ""


@contextmanager
def record() -> Iterator[None]:
    """Check all that goes over Django's connections, in any thread, until the block ends."""

    def join(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        if check not in connection.execute_wrappers:
            connection.execute_wrappers.append(check)

    for connection in connections.all(initialized_only=True):
        join(connection)
    connection_created.connect(join, weak=False)
    try:
        yield
    finally:
        connection_created.disconnect(join)
        for connection in connections.all(initialized_only=True):
            if check in connection.execute_wrappers:
                connection.execute_wrappers.remove(check)
