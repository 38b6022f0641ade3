from __future__ import annotations

import pytest
from django.db import connection

from observability.errors import SlowReadError
from observability.selectors.budget import bound_read


@pytest.mark.django_db
def test_bound_read__statement_that_takes_too_long__stopped_and_said() -> None:
    with (
        pytest.raises(SlowReadError, match=r"The state could not be read in 0\.05 seconds"),
        bound_read(0.05, what="The state"),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_sleep(20)")

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
