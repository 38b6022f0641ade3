"""A machine with nothing but manage.py on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from config.env import BASE_DIR


class Copy:
    """A copy of manage.py with empty locks, and the means to run it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.venv = root / ".venv"
        shutil.copy(BASE_DIR / "manage.py", root / "manage.py")
        (root / "requirements").mkdir()
        for lock in ("base", "demo", "test"):
            self.write_lock(lock, "")

    def write_lock(self, lock: str, text: str) -> None:
        (self.root / "requirements" / f"{lock}.txt").write_text(text)

    def run(
        self, *arguments: str, path: str = "/usr/bin:/bin", code: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it with this Python and without uv; `code` runs first, in the same process."""
        prelude = (
            f"{code}; import runpy, sys; sys.argv[0] = 'manage.py'; runpy.run_path('manage.py', run_name='__main__')"
        )
        command = [sys.executable, "-c", prelude] if code else [sys.executable, "manage.py"]
        return subprocess.run(
            [*command, *arguments],
            cwd=self.root,
            env={**os.environ, "PATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
