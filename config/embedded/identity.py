"""Run Postgres where we are root, which it refuses.

First choice: a user namespace in which our uid reads as `nobody`. Files keep their owner, so nothing is chowned and a
clone under /root works. Second choice, where namespaces are refused (some containers): `nobody` itself, keeping the one
capability that lets it reach folders closed to it; the cluster's folder then belongs to it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from config.embedded.errors import EmbeddedError

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Identity:
    """How a command is wrapped so that it does not run as uid 0, and the uid its files must have."""

    name: str
    prefix: tuple[str, ...]
    file_owner: int

    def adopt(self, folder: Path) -> None:
        """Give a cluster that another identity made to this one; a single stat when it fits already."""
        if folder.stat().st_uid == self.file_owner:
            return
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(Path(parent, name), self.file_owner, -1, follow_symlinks=False)
        # Last, so that an interrupted walk starts over.
        os.chown(folder, self.file_owner, -1)


USER_NAMESPACE = Identity(
    "user namespace", ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"), 0
)
# The change of uid clears the death signal that launch.py asked for, so setpriv asks again. Without the secure bit,
# access(2), with which Postgres looks for itself, would not see the capability.
PLAIN_NOBODY = Identity(
    "nobody",
    (
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"),
        *("--pdeathsig=QUIT", "--"),
    ),
    NOBODY,
)


@cache
def choose_identity() -> Identity:
    """Return the wrapper for this process's user: none needed unless we are root."""
    if os.geteuid() != 0:
        return Identity("own user", (), os.geteuid())
    for identity in (USER_NAMESPACE, PLAIN_NOBODY):
        if _is_usable(identity):
            return identity
    raise EmbeddedError("Postgres does not run as root here: start as an ordinary user, or set DATABASE_URL.")


def _is_usable(identity: Identity) -> bool:
    if shutil.which(identity.prefix[0]) is None:
        return False
    command = [*identity.prefix, "id", "-u"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == str(NOBODY)
