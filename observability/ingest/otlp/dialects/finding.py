"""What a dialect finds in a span, and what a dialect is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from observability.ingest.records import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from observability.ingest.otlp.chat import Message
    from observability.ingest.otlp.wire import Attributes, RawSpan
    from observability.ingest.records import Usage


class Finding(msgspec.Struct):
    """A span's meaning. Values are as the sender wrote them; `spans.py` cleans and encodes them.

    An input that the sender put whole into one attribute is named by `input_key`, one flattened into many by
    `input_prefix`, so that it can be moved verbatim; one put together from elsewhere is given as `input`. Likewise
    the output.
    """

    kind: Kind = Kind.SPAN
    name: object = None
    """A better name than the span's own."""
    model: object = None
    provider: object = None
    usage: Usage | None = None
    usage_warning: str | None = None
    cost_usd: object = None
    agent_name: object = None
    tool_name: object = None
    prompt_name: object = None
    prompt_version: object = None
    system_prompt: object = None
    parameters: object = None
    """A dict, or the JSON text of one."""
    is_streamed: bool = False
    is_error: bool = False
    """The library says so itself, whatever the span's status."""
    error_message: object = None
    input_key: str | None = None
    output_key: str | None = None
    is_input_text: bool = False
    """The sender says that the input is plain text, even if it looks like JSON."""
    is_output_text: bool = False
    input_prefix: str | None = None
    output_prefix: str | None = None
    input: object = None
    output: object = None


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One family of attribute names.

    `keys` and `prefixes` are the attributes it understands, for the coverage page. `input_prefixes` and
    `output_prefixes` begin the names under which a span's content may travel beside its input and output, for the
    capture switches. `read_messages` reads the messages of a model call from restored attributes, decoded input and
    decoded output, when a page shows them.
    """

    name: str
    read: Callable[[RawSpan], Finding]
    read_messages: Callable[[Attributes, object, object], list[Message]]
    keys: frozenset[str]
    prefixes: tuple[str, ...] = ()
    input_prefixes: tuple[str, ...] = ()
    output_prefixes: tuple[str, ...] = ()


def first_value(attributes: Mapping[str, object], names: Iterable[str]) -> object:
    """Return the first of the named attributes that is there and not empty."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None


def first_key(attributes: Mapping[str, object], names: Iterable[str]) -> str | None:
    """Return the name of the first of the named attributes that is there."""
    for name in names:
        if attributes.get(name) is not None:
            return name
    return None
