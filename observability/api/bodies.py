"""Request bodies as typed values: a struct says what may be in them, and its schema is the document's."""

from __future__ import annotations

import json
from typing import TypeVar

import msgspec
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

StructType = TypeVar("StructType", bound=msgspec.Struct)


def read_body(request: Request, struct: type[StructType]) -> StructType:
    """Return the JSON body as the struct; raises `ValidationError` naming the field at fault."""
    try:
        # What is only half a character can neither be stored nor compared.
        json.dumps(request.data, ensure_ascii=False).encode()
        return msgspec.convert(request.data, struct, strict=True)
    except UnicodeEncodeError as error:
        raise ValidationError({"body": ["It holds half of a surrogate pair, which is no text."]}) from error
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at ")
        field = place.strip("`$").removeprefix(".").partition("[")[0].partition(".")[0]
        raise ValidationError({field or "body": [text]}) from error
