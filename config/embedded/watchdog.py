"""End the process groups of a parent that is gone. Run as `python -I -S watchdog.py`, told what to watch on stdin.

The parent writes `+ GROUP SIGNAL` and `- GROUP` lines. When its end of the pipe closes, however it died, each group
that is left gets its signal, and SIGKILL when it is still there five seconds later. It reaches grandchildren and
systems without a death signal, which launch.py does not.
"""

import os
import signal
import sys
import time

_PATIENCE_SECONDS = 5.0


def read_groups() -> dict[int, int]:
    """Follow stdin to its end and return the groups that were not taken back, each with its signal."""
    groups: dict[int, int] = {}
    for line in sys.stdin:
        sign, group, *rest = line.split()
        if sign == "+":
            groups[int(group)] = int(rest[0])
        else:
            groups.pop(int(group), None)
    return groups


def send(group: int, number: int) -> bool:
    """Signal a group; False when nothing is left of it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    """Wait for the end of the parent, then end what it left."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups = read_groups()
    left = [group for group, number in groups.items() if send(group, number)]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [group for group in left if send(group, 0)]
    for group in left:
        send(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
