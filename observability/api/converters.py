"""Path parts: texts that clients chose, and words and numbers that are ours."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import IntConverter

from observability.models.steps import StepKind
from observability.selectors.event_details import VALUE_FIELDS


class _TextConverter:
    def to_python(self, value: str) -> str:
        """Return the text, which the server has percent-decoded already."""
        return value

    def to_url(self, value: str) -> str:
        """Return the text; `reverse` percent-encodes it, slashes excepted."""
        return value


class AnyTextConverter(_TextConverter):
    """Any text without NUL, which Postgres cannot compare. Slashes are part of it; the route's own words end it."""

    regex = r"[^\x00]+"


class StepKindConverter(_TextConverter):
    """A kind of step."""

    regex = "|".join(StepKind.values)


class ValueFieldConverter(_TextConverter):
    """A value of an event."""

    regex = "|".join(VALUE_FIELDS)


class NumberConverter(IntConverter):
    """A number that fits Postgres."""

    regex = "[0-9]{1,18}"


class FingerprintConverter(_TextConverter):
    """The fingerprint of an error."""

    regex = "[0-9a-f]{16}"


register_converter(AnyTextConverter, "any")
register_converter(FingerprintConverter, "fingerprint")
register_converter(NumberConverter, "number")
register_converter(StepKindConverter, "step_kind")
register_converter(ValueFieldConverter, "value_field")
