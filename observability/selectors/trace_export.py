"""All matching traces as a file, made page by page: memory stays flat however many there are.

NDJSON: one `TraceSummary` a line, with `events` in it if asked for, and a last line
`{"export": {"rows": ..., "is_complete": ..., "next_cursor": ...}}`, so that a reader can tell a whole file from a
broken one. CSV: the names of the same fields, then a line a trace; a list is joined by `; `. A file that was cut off
at the most rows ends with a line that begins `# cut off`. A text that a spreadsheet would take for a formula gets an
apostrophe in front.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from observability.selectors.events import list_events
from observability.selectors.shapes import TracePage, TraceSummary
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.traces import list_traces

MOST_ROWS = 50_000
PAGE_ROWS = 500
CSV_COLUMNS = TraceSummary.__struct_fields__
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_EVENT_PAGE = 1_000

_End = Callable[[int, str | None], bytes]


def export_ndjson(
    project_id: int, *, filters: TraceFilters, cursor: str | None, limit: int, has_events: bool
) -> Iterator[bytes]:
    """Return the pieces of an NDJSON file. The first page is read at once, so that what is wrong is raised here."""

    def write(traces: list[TraceSummary]) -> Iterator[bytes]:
        if has_events:
            for trace in traces:
                yield from _write_with_events(project_id, trace)
        else:
            yield b"".join(msgspec.json.encode(trace) + b"\n" for trace in traces)

    def end(rows: int, next_cursor: str | None) -> bytes:
        summary = {"rows": rows, "is_complete": next_cursor is None, "next_cursor": next_cursor}
        return msgspec.json.encode({"export": summary}) + b"\n"

    pages = _read_pages(project_id, filters=filters, cursor=cursor, limit=limit)
    return _export(pages, write=write, end=end, first=next(pages))


def export_csv(project_id: int, *, filters: TraceFilters, cursor: str | None, limit: int) -> Iterator[bytes]:
    """Return the pieces of a CSV file. The first page is read at once, so that what is wrong is raised here."""

    def write(traces: list[TraceSummary]) -> Iterator[bytes]:
        yield _write_lines([make_cell(getattr(trace, name)) for name in CSV_COLUMNS] for trace in traces)

    def end(rows: int, next_cursor: str | None) -> bytes:
        return b"" if next_cursor is None else _write_lines([[f"# cut off after {rows} rows: cursor={next_cursor}"]])

    pages = _read_pages(project_id, filters=filters, cursor=cursor, limit=limit)
    return _export(pages, write=write, end=end, first=next(pages), head=_write_lines([CSV_COLUMNS]))


def make_cell(value: Any) -> Any:
    """Return what stands in a cell: nothing for null, and no text that would be run as a formula."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        value = "; ".join(value)
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _read_pages(project_id: int, *, filters: TraceFilters, cursor: str | None, limit: int) -> Iterator[TracePage]:
    """Read on until the end or the limit; a page that ran out of its time is gone on from.

    The last page's `next_cursor` is null at the end of the list and only there: a search that finds no way on in its
    time ends with the cursor it had.
    """
    left = limit
    while left:
        page = list_traces(project_id, filters=filters, cursor=cursor, limit=min(PAGE_ROWS, left))
        left -= len(page.items)
        if page.is_partial and page.next_cursor in (None, cursor):
            yield msgspec.structs.replace(page, next_cursor=cursor or "")
            return
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


def _export(
    pages: Iterator[TracePage],
    *,
    write: Callable[[list[TraceSummary]], Iterator[bytes]],
    end: _End,
    first: TracePage,
    head: bytes = b"",
) -> Iterator[bytes]:
    if head:
        yield head
    rows = 0
    page: TracePage | None = first
    next_cursor: str | None = None
    while page is not None:
        yield from write(page.items)
        rows += len(page.items)
        next_cursor = page.next_cursor
        page = next(pages, None)
    if last := end(rows, next_cursor):
        yield last


def _write_with_events(project_id: int, trace: TraceSummary) -> Iterator[bytes]:
    """Write one line in pieces: a trace may have more events than fit in memory."""
    yield msgspec.json.encode(trace)[:-1] + b',"events":['
    cursor = None
    is_first = True
    while is_first or cursor:
        page = list_events(project_id, trace, cursor=cursor, limit=_EVENT_PAGE)
        text = b",".join(msgspec.json.encode(event) for event in page.items)
        yield text if is_first or not text else b"," + text
        is_first, cursor = False, page.next_cursor
    yield b"]}\n"


def _write_lines(rows: Any) -> bytes:
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    return lines.getvalue().encode(errors="replace")
