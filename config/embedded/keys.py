"""Random keys that must outlive a restart, in files of the data folder that only its owner reads."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from config.embedded.folders import write_private


def ensure_secrets(data: Path) -> None:
    """Make the signing key and the encryption key that the settings read, unless they are there or given."""
    if not os.environ.get("PLAYHEAD_SECRET_KEY"):
        _write_once(data / "secret_key", secrets.token_urlsafe(48))
    if not os.environ.get("PLAYHEAD_ENCRYPTION_KEYS"):
        _write_once(data / "encryption_keys", base64.urlsafe_b64encode(os.urandom(32)).decode())


def _write_once(path: Path, text: str) -> None:
    """Never replace a key: what it protects would be lost with it."""
    if not path.exists():
        write_private(path, text + "\n")
