"""Compiles `kernels.c` with the compiler that is at hand; `manage.py` calls it when it sets up.

Standard library only. The library lies in the environment, under a name that its source gives it: code of another
version never loads it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("kernels.c")
_OPTIONS = ("-std=c11", "-O3", "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror")


def find_library() -> Path:
    """Return where this version's library lies, or would."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    return Path(sys.prefix) / "lib" / f"playhead-kernels-{digest[:16]}.so"


def compile_library(compiler: list[str]) -> None:
    """Make this version's library, in one step from missing to whole. Raises `subprocess.CalledProcessError`."""
    target = find_library()
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / "kernels.so"
        subprocess.run([*compiler, *_OPTIONS, str(SOURCE), "-o", str(made)], check=True, capture_output=True)
        os.replace(made, target)
