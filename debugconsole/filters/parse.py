"""From the text of a filter to what decides: the house grammar with a line's fields, and bounds of its own."""

from __future__ import annotations

import re2

from debugconsole.filters.fields import find_field, suggest_field
from debugconsole.filters.match import NO_FILTER, Filter, compile_regex
from observability.query import Field, Parser

MOST_CHARACTERS = 512
MOST_DEPTH = 8
MOST_REGEX_CHARACTERS = 256


def parse_filter(text: str) -> Filter:
    """Return what a text lets through; an empty one lets everything. Raises `QueryError`, which names the place.

    Patterns are RE2, whose time is linear in the text: nobody can make the console slow with one.
    """
    query = _FilterParser(text).read()
    return Filter(query) if query else NO_FILTER


class _FilterParser(Parser):
    most_characters = MOST_CHARACTERS
    most_depth = MOST_DEPTH

    def find_field(self, name: str) -> Field | None:
        return find_field(name)

    def suggest_field(self, name: str) -> str | None:
        return suggest_field(name)

    def explain_star(self) -> str:
        return "put it in quotes, or write a pattern: `message:/time.*out/`"

    def explain_text(self, text: str) -> str | None:
        return None if text else "nothing between the quotes"

    def explain_regex(self, pattern: str) -> str | None:
        if not 0 < len(pattern) <= MOST_REGEX_CHARACTERS:
            return f"a pattern has 1 to {MOST_REGEX_CHARACTERS} characters"
        try:
            compile_regex(pattern)
        except re2.error as error:
            reason = error.args[0] if error.args else "not understood"
            text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
            return f"this is no RE2 pattern: {text}"
        return None
