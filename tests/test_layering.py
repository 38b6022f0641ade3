"""Rules of the source that no import tells: who speaks to the channel layer, and who writes the store."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps

from config.env import BASE_DIR

ROOMS = ("config", "observability", "reruns", "debugconsole")
STORE_MODELS = {
    model.__name__: model._meta.db_table
    for model in apps.get_app_config("observability").get_models()
    if not model._meta.managed
}
WRITING_SQL = re.compile(
    rf"\b(?:INSERT INTO|UPDATE|DELETE FROM|COPY|TRUNCATE|MERGE INTO) (?:{'|'.join(STORE_MODELS.values())})\b"
)
WRITING_ORM = re.compile(
    rf"^(?:{'|'.join(STORE_MODELS)})\.objects\b.*"
    r"\.a?(?:create|bulk_create|bulk_update|update|delete|get_or_create|update_or_create)$",
    re.DOTALL,
)


def _read_sources() -> Iterator[tuple[str, str]]:
    """Yield path and text of each module, without migrations."""
    for room in ROOMS:
        for path in sorted((BASE_DIR / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield _name(path), path.read_text()


def _name(path: Path) -> str:
    return path.relative_to(BASE_DIR).as_posix()


def _list_calls(source: str) -> list[str]:
    return [ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]


def test_group_send__in_the_whole_product__is_called_by_live_alone() -> None:
    callers = {name for name, text in _read_sources() if any("group_send" in call for call in _list_calls(text))}

    assert callers == {"observability/live.py"}


def test_store__in_the_whole_product__is_written_by_the_writer_and_emptied_by_purge_trim_and_retention() -> None:
    writers = {
        name
        for name, text in _read_sources()
        if WRITING_SQL.search(text) or any(WRITING_ORM.match(call) for call in _list_calls(text))
    }

    assert writers == {
        "observability/ingest/statements.py",
        # What is counted of past days: emptied by whoever changes such a day, filled by whoever counts it.
        "observability/ingest/past_days.py",
        "observability/services/day_counts.py",
        "observability/services/expiry.py",
        "observability/services/purge.py",
        "observability/services/rejection_trim.py",
    }
