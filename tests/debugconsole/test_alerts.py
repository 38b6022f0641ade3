"""The alerts: their expressions can be read, name what is measured, and say what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from django.conf import settings
from prometheus_client import REGISTRY

from config.env import BASE_DIR
from debugconsole.levels import Levels

FILE = BASE_DIR / "docs" / "alerts" / "debug-console.rules.yml"
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]


def list_selectors(node: Any) -> list[Any]:
    """Return the selectors in an expression, wherever they stand."""
    if isinstance(node, promql_parser.VectorSelector):
        return [node]
    if isinstance(node, promql_parser.MatrixSelector):
        return [node.vector_selector]
    children = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "param")]
    children += list(getattr(node, "args", ()))
    return [found for child in children if child is not None for found in list_selectors(child)]


@pytest.fixture(scope="module")
def measured() -> dict[str, set[str]]:
    """The labels of every sample that there is, by its name."""
    found: dict[str, set[str]] = {}
    for collector in {*REGISTRY._collector_to_names}:
        for family in collector.collect():
            labels = set(getattr(collector, "_labelnames", ()))
            names = [sample.name for sample in family.samples] or [
                f"{family.name}_total" if family.type == "counter" else family.name
            ]
            for name in names:
                found[name] = labels
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_rule__any__can_be_read_and_names_what_is_measured(rule: dict[str, Any], measured: dict[str, set[str]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(settings, "DEBUG_CONSOLE_ENABLED", True)
        patched.setattr("django.core.cache.cache.get", lambda key: 1.0)
        asked = {family.name for family in Levels().collect()}

    selectors = list_selectors(promql_parser.parse(rule["expr"]))

    assert selectors
    for selector in selectors:
        assert selector.name in measured or selector.name in asked
        for matcher in selector.matchers.matchers:
            assert matcher.name in measured[selector.name]


def test_rules__that_wake_somebody__are_two() -> None:
    assert {rule["alert"] for rule in RULES if rule["labels"]["severity"] == "page"} == {
        "DebugTenantMismatch",
        "DebugAuditFailing",
    }


def test_rules__each__has_an_entry_in_the_runbook() -> None:
    for rule in RULES:
        file, _, place = rule["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^#+ (.+)$", Path(BASE_DIR / file).read_text(), re.MULTILINE)
        assert place in {heading.lower() for heading in headings}
        assert place == rule["alert"].lower()
