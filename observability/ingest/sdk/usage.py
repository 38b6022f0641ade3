"""Token counts of an SDK event, in either spelling, to the closed classes of `records.Usage`.

The Python client's interceptor writes `inputTokens`, its wrapped calls write `input_tokens`; JavaScript apps may pass
a provider's usage on as it is. The clients write 0 for what a provider did not say: a total of 0 beside other counts,
and counts that are all 0, are unknown.
"""

from __future__ import annotations

from msgspec import Raw

from observability.ingest.otlp.usage import Counts, read_usage
from observability.ingest.records import Usage
from observability.ingest.sdk.fields import Fields, is_null, read_fields
from observability.ingest.text import NotJSONError, decode_json

_INPUT = ("inputTokens", "input_tokens", "promptTokens", "prompt_tokens")
_OUTPUT = ("outputTokens", "output_tokens", "completionTokens", "completion_tokens")
_TOTAL = ("totalTokens", "total_tokens")
_INPUT_DETAILS = ("input_tokens_details", "prompt_tokens_details", "inputTokenDetails")
_OUTPUT_DETAILS = ("output_tokens_details", "completion_tokens_details", "outputTokenDetails")
_CACHE_READ = ("cache_read_input_tokens", "cacheReadInputTokens")
_CACHE_WRITE = ("cache_creation_input_tokens", "cacheCreationInputTokens")


def find_usage(raw: Raw | None) -> tuple[Usage | None, str | None]:
    """Return the token classes and a warning if they do not add up; (None, None) when nothing is known.

    Anthropic's names for cached tokens tell counts that exclude them from OpenAI's, which include them.
    """
    fields = read_fields(raw)
    if not fields:
        return None, None
    given, produced, total = _read(fields, _INPUT), _read(fields, _OUTPUT), _read(fields, _TOTAL)
    if not given and not produced and not total:
        return None, None
    input_details, output_details = _read_details(fields, _INPUT_DETAILS), _read_details(fields, _OUTPUT_DETAILS)
    beside = _read(fields, _CACHE_READ)
    return read_usage(
        Counts(
            input=given or None,
            output=produced if given else produced or None,
            total=total or None,
            cached=_read(input_details, ("cached_tokens",)) or _read(fields, ("cachedInputTokens",)) or beside,
            cache_write=_read(fields, _CACHE_WRITE),
            reasoning=_read(output_details, ("reasoning_tokens",)) or _read(fields, ("reasoningTokens",)),
            audio_in=_read(input_details, ("audio_tokens",)),
            audio_out=_read(output_details, ("audio_tokens",)),
            is_input_inclusive=beside is None,
        )
    )


def _read(fields: Fields, keys: tuple[str, ...]) -> object:
    """Return the first value of these names that is not null; whether it can be a count is for `read_usage` to say."""
    for key in keys:
        if key in fields and not is_null(fields[key]):
            try:
                return decode_json(bytes(fields[key]))
            except NotJSONError:
                return None
    return None


def _read_details(fields: Fields, keys: tuple[str, ...]) -> Fields:
    found = (read_fields(fields.get(key)) for key in keys)
    return next((details for details in found if details), {})
