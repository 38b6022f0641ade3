"""Query parameters as django-filter fields that describe themselves in the OpenAPI document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters as filters
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from drf_spectacular.utils import extend_schema_field

from observability.query import FIELDS, MOST_CHARACTERS

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2200, 1, 1, tzinfo=UTC)
_MOST_ITEMS = 500
_MOST_TEXT = 500


class _IntegerFilter(filters.Filter):  # type: ignore[misc]
    field_class = forms.IntegerField


class _FlagField(forms.CharField):
    """`true` or `false`, and nothing else: a typing mistake must not read as "not asked"."""

    def clean(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        if value not in ("true", "false"):
            raise ValidationError("Give true or false.")
        return bool(value == "true")


class _FlagFilter(filters.Filter):  # type: ignore[misc]
    field_class = _FlagField


class _TextListField(forms.Field):
    """A parameter that may be given several times."""

    widget = forms.SelectMultiple

    def clean(self, value: list[str] | None) -> list[str]:
        items = value or []
        if len(items) > _MOST_ITEMS:
            raise ValidationError(f"Give at most {_MOST_ITEMS}.")
        if any("\x00" in item or len(item) > _MOST_TEXT for item in items):
            raise ValidationError(f"Each is a text of at most {_MOST_TEXT} characters without NUL.")
        return items


class _TextListFilter(filters.MultipleChoiceFilter):  # type: ignore[misc]
    field_class = _TextListField
    always_filter = False


class _QueryField(forms.CharField):
    """The text as it was typed, so that an error's position is the one the reader counts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"strip": False})
        self.validators = []


class _QueryFilter(filters.Filter):  # type: ignore[misc]
    field_class = _QueryField


def text_parameter(description: str, *, limit: int = _MOST_TEXT, is_required: bool = False) -> filters.Filter:
    """Return a parameter that takes any text up to a length."""
    schema = {"type": "string", "minLength": 1, "maxLength": limit, "description": description}
    return extend_schema_field(schema)(filters.CharFilter(max_length=limit, strip=False, required=is_required))


def text_list_parameter(description: str) -> filters.Filter:
    """Return a parameter that may be given several times, for any one of its values."""
    schema = {"type": "string", "minLength": 1, "maxLength": _MOST_TEXT, "description": description}
    return extend_schema_field(schema)(_TextListFilter())


def choice_parameter(description: str, choices: tuple[str, ...], *, is_list: bool = False) -> filters.Filter:
    """Return a parameter that takes one of some words, or several times one of them."""
    made = filters.MultipleChoiceFilter if is_list else filters.ChoiceFilter
    schema = {"type": "string", "enum": list(choices), "description": description}
    return extend_schema_field(schema)(made(choices=[(choice, choice) for choice in choices]))


def integer_parameter(description: str, *, least: int, most: int) -> filters.Filter:
    """Return a parameter that takes a whole number between two bounds, both included."""
    schema = {"type": "integer", "minimum": least, "maximum": most, "description": description}
    return extend_schema_field(schema)(_IntegerFilter(min_value=least, max_value=most))


def flag_parameter(description: str) -> filters.Filter:
    """Return a parameter that takes `true` or `false`."""
    return extend_schema_field({"type": "boolean", "description": description})(_FlagFilter())


def time_parameter(description: str) -> filters.Filter:
    """Return a parameter that takes an ISO 8601 time; one without a zone is UTC."""
    schema = {"type": "string", "format": "date-time", "description": description}
    bounds = [MinValueValidator(_FIRST), MaxValueValidator(_LAST)]
    return extend_schema_field(schema)(filters.IsoDateTimeFilter(validators=bounds))


def query_parameter() -> filters.Filter:
    """Return the parameter that takes a query in the text grammar; it is read where its errors can name the place."""
    schema = {
        "type": "string",
        "minLength": 1,
        "maxLength": MOST_CHARACTERS,
        "description": (
            "Which traces, in the text grammar of `docs/query.md`: "
            '`status:error workflow:chat* cost>0.01 -model:gpt* "refund"`. Fields: '
            + ", ".join(f"`{name}`" for name in FIELDS)
            + ". Other words are searched for. An error says where it is: `position` and `length` in characters."
        ),
    }
    return extend_schema_field(schema)(_QueryFilter())
