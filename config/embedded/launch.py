"""Become another program that dies when its parent does. Run as `python -I -S launch.py PARENT SIGNAL PROGRAM ...`.

Linux keeps the request across exec. Elsewhere there is no such request, and watchdog.py does the work alone.
A program of its own and not a `preexec_fn`: running Python between fork and exec is unsafe in a process with threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the death signal, make sure that the parent is still there, and exec."""
    parent, death_signal, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    # A shell starts background jobs with these ignored, and exec keeps that: the signal would reach deaf ears.
    for ignored in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        sys.exit("the parent process ended before its child began")
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
