"""What every acceptance test has: a running Playhead, a model to call, and clients that send over a watched wire."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.acceptance.playhead import ROOT, LivePlayhead, run_playhead
from tests.model_server import run_model_server
from tests.receiver import Receiver, run_receiver


@dataclass(frozen=True)
class Sent:
    """What a client program put on the wire to the live server, and what it said on stdout."""

    wire: Receiver
    said: str


Send = Callable[..., Sent]


@pytest.fixture(scope="session")
def live_playhead(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlayhead]:
    """The product, whole, in a process of its own."""
    with run_playhead(tmp_path_factory.mktemp("playhead")) as running:
        yield running


@pytest.fixture(scope="session")
def model_url() -> Iterator[str]:
    """The address of a stand-in for the models."""
    with run_model_server() as url:
        yield url


@pytest.fixture(scope="session")
def send(live_playhead: LivePlayhead, model_url: str) -> Send:
    """Run a client program in a process of its own against the live server, and keep a copy of all it sends."""

    def run(module: str, *arguments: str) -> Sent:
        with run_receiver(forward_to=live_playhead.url) as wire:
            given = {
                "SENDER_URL": wire.url,
                "SENDER_KEY": live_playhead.key,
                "SENDER_MODEL_URL": model_url,
                "PLAYHEAD_URL": wire.url,
                "PLAYHEAD_API_KEY": live_playhead.key,
                "DJANGO_SETTINGS_MODULE": "config.settings",
            }
            command = [sys.executable, "-m", module, *arguments]
            done = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True, timeout=180, check=False
            )
        assert done.returncode == 0, done.stdout + done.stderr
        return Sent(wire=wire, said=done.stdout)

    return run
