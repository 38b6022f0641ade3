"""Copies of manage.py, bare and set up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.config.copies import Copy


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A bare machine's."""
    return Copy(tmp_path)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """One that was set up, for others to start from: making an environment takes seconds."""
    copy = Copy(tmp_path_factory.mktemp("prepared"))
    copy.run("setup")
    return copy


@pytest.fixture
def ready_copy(prepared: Copy, copy: Copy) -> Copy:
    """One that was set up."""
    shutil.copytree(prepared.venv, copy.venv, symlinks=True)
    return copy
