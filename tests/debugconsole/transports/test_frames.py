"""Lines of one process alone, as frames of server-sent events."""

from __future__ import annotations

import pytest

from debugconsole.readers.feed import Taken
from debugconsole.transports.frames import CompatibleStyle, Style
from debugconsole.wire.lines import EntryId, Line, encode_aside
from debugconsole.wire.prepare import Prepared
from debugconsole.wire.tokens import Position


@pytest.mark.parametrize("style", [Style(), CompatibleStyle()])
def test_lines__of_one_process_alone__are_events_that_are_no_place_to_go_on_from(style: Style) -> None:
    line = Line(id=EntryId(1, 0), ts_ms=None, level="info", stream="log", message="m", truncated=False)
    item = Prepared(1, line.id, line, encode_aside(line, "b-1"))
    taken = Taken(events=[], notices=[], position=Position(EntryId(9, 9), 9), aside=[item])

    frames = b"".join(style.lines(taken, lambda position: str(position)))

    assert frames == b"data: " + item.json + b"\n\n"
