"""Private folders and files."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from config.embedded.errors import EmbeddedError

# The kernel takes 108 bytes for a socket path on Linux and 104 on macOS; Postgres adds a suffix for its lock file.
LONGEST_SOCKET_PATH = 90


def make_private(folder: Path) -> Path:
    """Make a folder of mode 0700, or make sure that the one there is ours and has that mode."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            raise EmbeddedError(f"{folder} belongs to another user: choose another folder with --data.")
        folder.chmod(0o700)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise EmbeddedError(f"{folder} cannot be used ({error.strerror}): choose another folder with --data.") from None
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads: the whole text or, when interrupted, what was there before."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def make_socket_folder(data: Path) -> Path:
    """Return the 0700 folder for sockets: in the data folder, or a hashed one where that path would not do.

    Too long for the kernel, or with characters that have a meaning in one of the places where it is written: a list of
    folders for Postgres, addresses for five libraries, each with its own idea of quoting.
    """
    folder = data / "sockets"
    is_plain = re.fullmatch(r"[A-Za-z0-9/._-]+", str(folder))
    if not is_plain or len(os.fsencode(folder / ".s.PGSQL.5432")) > LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"playhead-{digest}"
    return make_private(folder)
