"""Random keys that must outlive a restart, in files of the data folder that only its owner reads."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path


def ensure_secrets(data: Path) -> None:
    """Make the signing key and the encryption key that the settings read, unless they are there."""
    _write_once(data / "secret_key", secrets.token_urlsafe(48))
    _write_once(data / "encryption_keys", base64.urlsafe_b64encode(os.urandom(32)).decode())


def _write_once(path: Path, text: str) -> None:
    """Write a whole 0600 file or none: an empty key file would lock everybody out of what it protects."""
    if path.exists():
        return
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
