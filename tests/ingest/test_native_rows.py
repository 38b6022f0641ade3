"""Rows for COPY that were encoded in C are byte by byte what psycopg makes of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import postgres
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import Format

from observability.ingest import native, statements
from observability.ingest.rows import EventRow, LogRow, PayloadRow, SearchRow, SegmentRow
from observability.ingest.statements import StoreTable

pytestmark = pytest.mark.skipif(not native.is_compiled(), reason="no C compiler was found when this was set up")

EPOCH_US = 946_684_800_000_000
TABLES: list[tuple[StoreTable, type[msgspec.Struct]]] = [
    (statements.EVENTS, EventRow),
    (statements.PAYLOADS, PayloadRow),
    (statements.LOG_RECORDS, LogRow),
    (statements.SEARCH_DOCUMENTS, SearchRow),
    (statements.SEARCH_SEGMENTS, SegmentRow),
]

_sizes = st.sampled_from([0, 1, 31, 32, 255, 256, 65_535, 65_536])
_texts = st.text(max_size=8) | _sizes.map(lambda size: "x" * size)
_integers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [sign * 2**bits + more for bits in (5, 7, 8, 15, 16, 31, 32) for sign in (1, -1) for more in (-1, 0, 1)]
)
_values: dict[str, st.SearchStrategy[Any]] = {
    "int4": st.integers(-(2**31), 2**31 - 1),
    "int8": _integers,
    "float8": st.floats(),
    "text": _texts,
    "bytea": st.binary(max_size=8) | _sizes.map(bytes),
    "text[]": st.lists(_texts, max_size=4) | st.just(["tag"] * 16),
    "jsonb": st.none(),
}
_times = st.integers(-(2**63) + EPOCH_US, 2**63 - 1)


def _draw_rows(table: StoreTable, row: type[msgspec.Struct]) -> st.SearchStrategy[list[msgspec.Struct]]:
    """Draw rows of which any value may be missing: it is for the table to say which may."""
    fields = {
        field: st.none() | (_times if field.endswith("_us") else _values[kind])
        for field, kind in zip(row.__struct_fields__, table.types, strict=True)
    }
    return st.lists(st.fixed_dictionaries(fields).map(lambda values: row(**values)), max_size=3)


def _encode_in_python(table: StoreTable, rows: Sequence[msgspec.Struct]) -> bytes:
    """Return a binary COPY after the documentation of Postgres: a head, tuples of counted fields, and their end."""
    transformer = Transformer()
    infos = [postgres.types[kind.removesuffix("[]")] for kind in table.types]
    oids = [info.array_oid if "[]" in kind else info.oid for info, kind in zip(infos, table.types, strict=True)]
    transformer.set_dumper_types(oids, Format.BINARY)
    encoded = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for row in rows:
        values = transformer.dump_sequence(table.to_values(row), [PyFormat.BINARY] * len(oids))
        encoded += struct.pack(">h", len(values))
        for value in values:
            encoded += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return encoded + struct.pack(">h", -1)


@pytest.mark.parametrize(("table", "row"), TABLES, ids=lambda part: getattr(part, "__name__", ""))
@given(data=st.data())
def test_encode__any_rows_of_a_table__is_what_psycopg_writes(
    table: StoreTable, row: type[msgspec.Struct], data: st.DataObject
) -> None:
    rows = data.draw(_draw_rows(table, row))

    assert table.encode(rows) == _encode_in_python(table, rows)


def _make_segment(**values: object) -> SegmentRow:
    fields: dict[str, Any] = {"project_id": 1, "started_at_us": EPOCH_US, "segment_id": 2, "terms": b""}
    return SegmentRow(**(fields | values))


@pytest.mark.parametrize(
    "values",
    [
        {"segment_id": 2**63},
        {"segment_id": 1.5},
        {"segment_id": "2"},
        {"segment_id": []},
        {"started_at_us": -(2**63) + EPOCH_US - 1},
        {"started_at_us": 0.0},
        {"terms": 1},
        {"terms": {}},
    ],
)
def test_encode__value_that_does_not_fit_its_column__is_left_to_psycopg(values: dict[str, object]) -> None:
    rows = [_make_segment(), _make_segment(**values)]

    assert statements.SEARCH_SEGMENTS.encode(rows) is None


def test_encode__no_row__is_a_head_and_an_end() -> None:
    assert statements.EVENTS.encode([]) == _encode_in_python(statements.EVENTS, [])


@pytest.mark.parametrize("letters", [b"", b"b", b"bbb", b"b?"])
def test_encode_rows__other_columns_than_a_row_has__are_refused(letters: bytes) -> None:
    assert native.encode_rows(msgspec.msgpack.encode([[1, 2]]), letters) is None
