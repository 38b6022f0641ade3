from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import RequestFactory
from django.urls import resolve

from config.appearance import ACCENT, GREYS, TEXTS, UNFOLD, choose_theme
from observability.models import User

TOKENS = (settings.BASE_DIR / "static/css/tokens.css").read_text()


@pytest.mark.parametrize("colour", sorted({*GREYS.values(), *ACCENT.values()}))
def test_colours__of_admin__are_those_of_the_pages(colour: str) -> None:
    assert colour in TOKENS


@pytest.mark.parametrize("token", sorted(set(TEXTS.values())))
def test_texts__of_admin__are_tokens_that_exist(token: str) -> None:
    assert f"{token.removeprefix('var(').removesuffix(')')}:" in TOKENS


@pytest.mark.parametrize("entry", [entry for group in UNFOLD["SIDEBAR"]["navigation"] for entry in group["items"]])
def test_sidebar__every_entry__leads_somewhere(entry: dict[str, Any]) -> None:
    assert resolve(str(entry["link"])).func is not None


@pytest.mark.parametrize(("theme", "expected"), [("system", None), ("dark", "dark"), ("light", "light")])
def test_choose_theme__as_on_the_pages__or_free_to_choose(rf: RequestFactory, theme: str, expected: str | None) -> None:
    request = rf.get("/admin/")
    request.user = User(theme=theme)

    assert choose_theme(request) == expected
