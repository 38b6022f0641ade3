"""What waits to be sent: bounded, the oldest goes first, and what went is counted."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Deque, Dict, List, Optional

OVERHEAD_BYTES = 300


@dataclass(frozen=True)
class Entry:
    """One line. `seq` numbers what the process said, from 1."""

    seq: int
    ts_ms: int
    level: str
    stream: str
    message: str
    truncated: bool = False
    context: Dict[str, str] = field(default_factory=dict)
    fields: Optional[Dict[str, Any]] = None

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        return len(self.message) * 2 + OVERHEAD_BYTES


@dataclass
class Gap:
    """Lines that will never be sent."""

    dropped: int
    from_seq: int
    to_seq: int


class Ring:
    """Used by any thread. What is taken is given back when it could not be sent."""

    def __init__(self, most_lines: int, most_bytes: int) -> None:
        self.condition = threading.Condition()
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        self._entries: Deque[Entry] = deque()
        self._bytes = 0
        self._gap: Optional[Gap] = None

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def gap(self) -> Optional[Gap]:
        """What went since a gap was last told."""
        return self._gap

    def add(self, entry: Entry) -> None:
        """Add the newest. Never waits for anything but another thread's few instructions."""
        with self.condition:
            self._entries.append(entry)
            self._bytes += entry.size
            self._trim()
            self.condition.notify()

    def take(self, count: int) -> List[Entry]:
        """Take the oldest."""
        with self.condition:
            taken = [self._entries.popleft() for _ in range(min(count, len(self._entries)))]
            self._bytes -= sum(entry.size for entry in taken)
            return taken

    def give_back(self, entries: List[Entry]) -> None:
        """Put what was taken back in front; with too much in the ring, it is what goes."""
        with self.condition:
            self._entries.extendleft(reversed(entries))
            self._bytes += sum(entry.size for entry in entries)
            self._trim()

    def drop(self, entries: List[Entry]) -> None:
        """Count entries that will never be sent."""
        with self.condition:
            for entry in entries:
                self._count(entry)

    def settle(self, told: Gap) -> None:
        """Forget a gap that was told; what went since then is a new one."""
        with self.condition:
            if self._gap is not None and self._gap.dropped == told.dropped:
                self._gap = None
            elif self._gap is not None:
                self._gap = Gap(self._gap.dropped - told.dropped, told.to_seq + 1, self._gap.to_seq)

    def _trim(self) -> None:
        while self._entries and (len(self._entries) > self._most_lines or self._bytes > self._most_bytes):
            entry = self._entries.popleft()
            self._bytes -= entry.size
            self._count(entry)

    def _count(self, entry: Entry) -> None:
        if self._gap is None:
            self._gap = Gap(0, entry.seq, entry.seq)
        self._gap.dropped += 1
        self._gap.from_seq = min(self._gap.from_seq, entry.seq)
        self._gap.to_seq = max(self._gap.to_seq, entry.seq)
