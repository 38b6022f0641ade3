"""What a child says: a file of bounded size, and the last lines for the operator."""

from __future__ import annotations

from collections import deque
from pathlib import Path

MAX_BYTES = 5 * 2**20
TAIL_LINES = 15


class BoundedLog:
    """Append to `<name>.log`; when it is full it becomes `<name>.log.1`, and the one before that is gone."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._file = path.open("ab", buffering=0)
        self._tail: deque[bytes] = deque(maxlen=TAIL_LINES)

    def write(self, line: bytes) -> None:
        """Keep one line. A full disk costs the line, not the child."""
        self._tail.append(line.rstrip())
        try:
            if self._file.tell() + len(line) > self._max_bytes:
                self._rotate()
            self._file.write(line)
        except OSError:
            return

    def take_tail(self) -> list[str]:
        """Return the last lines since the last call."""
        lines = [line.decode(errors="replace") for line in self._tail]
        self._tail.clear()
        return lines

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        self.path.replace(self.path.with_name(self.path.name + ".1"))
        self._file = self.path.open("ab", buffering=0)
