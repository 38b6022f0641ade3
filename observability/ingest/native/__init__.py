"""The hottest steps of ingest in C (`kernels.c` and what it includes): functions from bytes to bytes, held to what the
Python beside their callers does (docs/adr/0013).

Each returns None where its caller's Python is to do it: for input that the C leaves to it because it is rare, when
memory runs out, and always where no compiler was found when the environment was made. The interpreter's lock is kept:
the calls take microseconds, and getting it back would take longer.
"""

from __future__ import annotations

import ctypes

from observability.ingest.native.build import find_library


def read_spans(body: bytes) -> bytes | None:
    """Return the spans of an `ExportTraceServiceRequest` in MessagePack, for `otlp/protobuf.py`.

    `[[holder...], {index: place}]`: the spans that are not plain are left to Python by their place in the body. None
    for a request whose outer layers are not plain.
    """
    return _call("playhead_spans", body)


def find_terms(texts: bytes) -> bytes | None:
    """Return the distinct search terms of texts, each with three zeros behind it (see `search.py`).

    `texts` is a MessagePack list of plain texts (str) and beginnings of JSON (bin). None where one is not ASCII.
    """
    return _call("playhead_terms", texts)


def hash_terms(terms: bytes) -> bytes | None:
    """Return the distinct hashes of such terms as the elements of an `int4[]` in its binary form."""
    return _call("playhead_hashes", terms)


def make_previews(values: bytes) -> bytes | None:
    """Return the previews of a MessagePack list of JSON values (see `payloads.py`), nil for those left to Python.

    Of a value that is longer, the first `PREVIEWED_BYTES` are enough.
    """
    return _call("playhead_previews", values)


def encode_rows(rows: bytes, types: bytes) -> bytes | None:
    """Return rows as the whole of a binary COPY.

    `rows` is a MessagePack list of lists, `types` a letter for each column: `i` int4, `b` int8, `f` float8, `t`
    timestamptz (of microseconds since 1970), `a` text[], `s` text, bytea, and what is in its binary form already. None
    also where a value does not fit its column, or none of these does.
    """
    return _call("playhead_rows", rows, types)


def is_compiled() -> bool:
    """Tell whether the compiled functions are there."""
    return _library is not None


PREVIEWED_BYTES = 4_097
"""One more than is looked at for a conversation, which is more than is shown."""
_FUNCTIONS = {
    "playhead_spans": 1,
    "playhead_terms": 1,
    "playhead_hashes": 1,
    "playhead_previews": 1,
    "playhead_rows": 2,
}
"""By name, how many byte strings a function takes."""


def _open() -> ctypes.PyDLL | None:
    try:
        library = ctypes.PyDLL(str(find_library()))
    except OSError:
        return None
    library.playhead_free.argtypes = [ctypes.c_void_p]
    library.playhead_free.restype = None
    for name, count in _FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * count + [ctypes.c_void_p]
        function.restype = ctypes.c_void_p
    return library


_library = _open()


def _call(name: str, *given: bytes) -> bytes | None:
    if _library is None:
        return None
    size = ctypes.c_size_t()
    arguments = [part for value in given for part in (value, len(value))]
    found = getattr(_library, name)(*arguments, ctypes.addressof(size))
    if found is None:
        return None
    try:
        return ctypes.string_at(found, size.value)
    finally:
        _library.playhead_free(found)
