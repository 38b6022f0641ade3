"""Lines of this process alone: what is posted to it while the server of the streams is away (contract, 6.7).

They are shown to whoever looks through this process now, and are nowhere else, then or later. So they are no entries:
they have no ordinal and no place to go on from, feeds account for the stream without them, and after the outage what is
lost of the stream is exact as ever. Whoever posted them is told that they were taken, and by how few they were seen,
and does not send them again, so that no line comes twice.

Where nobody looks through this process they are not taken, and their producer keeps them for later.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from debugconsole.wire.lines import EntryId, Line, encode_aside
from debugconsole.wire.prepare import Prepared, Preparer, Source
from debugconsole.wire.profiles import PROFILES
from observability.ingest.redaction import RedactionRules

MOST_LINES = 500
MOST_BYTES = 2**20


class Aside:
    """What was posted to this process during one outage of one stream: as much as fits, the newest."""

    def __init__(self, source: Source) -> None:
        self._boot = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._preparer = Preparer(source, None, encode=self._encode)
        self._lines: deque[dict[str, Prepared]] = deque()
        self._bytes = 0
        self._given: dict[str, int] = {}

    def prepare(self, pairs: Sequence[bytes], rules: RedactionRules | None) -> dict[str, Prepared] | None:
        """Return a line as each profile shows it, and keep it; None when it may not be shown."""
        if rules is not None:
            self._preparer.use_rules(rules)
        now = EntryId(time.time_ns() // 1_000_000, 0)
        made = self._preparer.prepare_for(PROFILES, now, pairs, next(self._numbers))
        items = {profile: item for profile, item in made.items() if isinstance(item, Prepared)}
        if len(items) < len(PROFILES):
            return None
        self._lines.append(items)
        self._bytes += _size_of(items)
        while len(self._lines) > MOST_LINES or self._bytes > MOST_BYTES:
            self._bytes -= _size_of(self._lines.popleft())
        return items

    def list_for(self, session_id: str, profile: str) -> Iterable[Prepared]:
        """Return the lines that a session was not given in an earlier connection."""
        given = self._given.get(session_id, 0)
        return [items[profile] for items in self._lines if items[profile].ordinal > given]

    def note_given(self, session_id: str, number: int) -> None:
        """Remember how far a session is that may come back."""
        self._given[session_id] = number

    def clear(self) -> None:
        """Forget all: the outage is over."""
        self._lines.clear()
        self._given.clear()
        self._bytes = 0

    def _encode(self, line: Line, number: int) -> bytes:
        return encode_aside(line, f"{self._boot}-{number}")


def _size_of(items: dict[str, Prepared]) -> int:
    return sum(len(item.json) for item in items.values())


class AsideQueue:
    """Those that wait for one viewer. The oldest go when there are too many, and are told."""

    def __init__(self) -> None:
        self.last_given = 0
        self.dropped = 0
        self._waiting: deque[Prepared] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, item: Prepared) -> None:
        """Put a line in."""
        self._waiting.append(item)
        if len(self._waiting) > MOST_LINES:
            self._waiting.popleft()
            self.dropped += 1

    def keep(self, is_wanted: Callable[[Line], bool]) -> None:
        """Let only such lines wait."""
        self._waiting = deque(item for item in self._waiting if is_wanted(item.line))

    def clear(self) -> None:
        """Let none wait."""
        self._waiting.clear()

    def take(self, most_events: int, most_bytes: int) -> list[Prepared]:
        """Give out what came first, one line at least."""
        taken: list[Prepared] = []
        size = 0
        while self._waiting and len(taken) < most_events:
            size += len(self._waiting[0].json)
            if taken and size > most_bytes:
                break
            taken.append(self._waiting.popleft())
        if taken:
            self.last_given = taken[-1].ordinal
        return taken

    def take_dropped(self) -> int:
        """Return how many did not fit since this was last asked."""
        dropped, self.dropped = self.dropped, 0
        return dropped
