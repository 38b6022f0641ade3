"""What form the output has: a JSON schema, keys it must have."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import re2
import referencing
from jsonschema import Draft202012Validator, SchemaError, ValidationError, validators
from jsonschema_specifications import REGISTRY
from msgspec import Meta
from referencing.exceptions import Unresolvable

from reruns.evaluators.check import Check
from reruns.evaluators.subject import Subject, Verdict, broken, failed, judge_output_first, passed, quote, read_json

MOST_ERRORS = 10
_Key = Annotated[str, Meta(min_length=1, max_length=300)]


def _match_pattern(_: Any, pattern: str, instance: Any, __: Any) -> Any:
    """Match by RE2: a pattern from outside must not be able to run for ever."""
    if isinstance(instance, str) and not re2.search(pattern, instance):
        yield ValidationError(f"{quote(instance)!r} does not match {pattern!r}")


_Validator = validators.extend(Draft202012Validator, {"pattern": _match_pattern})
_UNSAFE = ("patternProperties",)


class OutputSchema(Check, frozen=True, kw_only=True, tag="output-schema"):
    """The output is JSON of this schema (2020-12, no references to elsewhere), and has these keys at its top."""

    schema: dict[str, Any] = msgspec.field(default_factory=dict)
    required_keys: Annotated[list[_Key], Meta(max_length=100)] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse a schema that cannot be used."""
        if not self.schema and not self.required_keys:
            raise ValueError("schema: give one, or required_keys")
        if len(msgspec.json.encode(self.schema)) > 100_000:
            raise ValueError("schema: at most 100000 bytes are taken")
        try:
            Draft202012Validator.check_schema(self.schema)
            _check_patterns(self.schema)
        except SchemaError as error:
            raise ValueError(f"schema: {error.json_path}: {error.message}"[:500]) from error

    def evaluate(self, subject: Subject) -> Verdict:
        """Look at the keys, then at the schema. A text that holds JSON is read as that."""
        if (verdict := judge_output_first(subject)) is not None:
            return verdict
        assert subject.output is not None
        value = _unwrap(read_json(subject.output))
        missing = [key for key in self.required_keys if not isinstance(value, dict) or key not in value]
        if missing:
            kind = "" if isinstance(value, dict) else " It is no object."
            return failed(f"The output lacks {', '.join(missing)}.{kind}", missing=missing)
        try:
            found = _find_errors(self.schema, value)
        except (Unresolvable, RecursionError, re2.error) as error:
            return broken(f"The schema cannot be applied: {quote(str(error))}")
        if found:
            return failed(f"The output is not of the schema: {found[0]['path']}: {found[0]['message']}", errors=found)
        return passed("The output has the keys and the form asked for.")


def _unwrap(value: Any) -> Any:
    return read_json(value.encode(errors="replace")) if isinstance(value, str) else value


def _find_errors(schema: dict[str, Any], value: Any) -> list[dict[str, str]]:
    # A registry of its own, or an unknown reference would be fetched.
    registry: referencing.Registry[Any] = REGISTRY
    errors = _Validator(schema, registry=registry).iter_errors(value)
    shown = (error for error, _ in zip(errors, range(MOST_ERRORS), strict=False))
    return [{"path": error.json_path, "message": quote(error.message)} for error in shown]


def _check_patterns(schema: Any) -> None:
    """Refuse patterns that RE2 cannot read, and those by which names are matched: they would run in another engine."""
    if isinstance(schema, list):
        for item in schema:
            _check_patterns(item)
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        if name in _UNSAFE and isinstance(value, dict):
            raise ValueError(f"schema: {name} is not taken; name the properties")
        if name == "pattern" and isinstance(value, str):
            try:
                re2.compile(value)
            except re2.error as error:
                raise ValueError(f"schema: RE2 cannot read the pattern {value!r}") from error
        _check_patterns(value)
