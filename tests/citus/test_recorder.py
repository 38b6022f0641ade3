from __future__ import annotations

import pytest
from django.db import connection

from observability.models import Event
from observability.selectors.rows import read_rows
from tests.citus import recorder
from tests.citus.exceptions import EXCEPTIONS
from tests.citus.recorder import CitusBreachError


def _ask_without_range() -> list[object]:
    return list(Event.objects.filter(project_id=1).values("span_id"))


@pytest.mark.django_db
def test_record__product_breaks_a_rule__its_test_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "find_place", lambda: "observability.selectors.careless.list_all")

    with pytest.raises(CitusBreachError, match=r"careless\.list_all: events: no time range"):
        _ask_without_range()


@pytest.mark.django_db
def test_record__exception_for_the_place__passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "find_place", lambda: "observability.selectors.careless.list_all")
    place = "observability.selectors.careless.list_all"
    monkeypatch.setitem(EXCEPTIONS, (place, "events: no time range"), "a test")

    assert _ask_without_range() == []


@pytest.mark.django_db
def test_record__test_asks_itself__is_let_through() -> None:
    assert _ask_without_range() == []
    assert read_rows("SELECT span_id FROM events", []) == []


@pytest.mark.django_db
def test_record__every_connection__is_listened_to() -> None:
    assert recorder.check in connection.execute_wrappers


def test_find_place__called_by_the_product__names_module_and_function() -> None:
    code = compile(
        "def list_all():\n    return find()", f"{recorder._ROOT}/observability/selectors/careless.py", "exec"
    )
    names: dict[str, object] = {"find": recorder.find_place}
    exec(code, names)

    assert names["list_all"]() == "observability.selectors.careless.list_all"  # type: ignore[operator]
