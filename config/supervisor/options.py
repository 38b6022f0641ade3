"""The command line of `up`."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from config.env import DATA_DIR

MOST_WEB_PROCESSES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the operator asked for."""

    host: str
    port: int
    data: Path
    is_demo: bool
    web_processes: int = 1

    @property
    def address(self) -> str:
        """Return the address to open in a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host and host[0] != "[" else f"http://{host}:{self.port}"


def parse_options(arguments: list[str]) -> Options:
    """Read the arguments; argparse itself answers `--help` and mistakes."""
    parser = argparse.ArgumentParser(prog="manage.py up", description="Run Playhead until Ctrl-C.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_parse_port, default=8000, help="port to listen on (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=DATA_DIR, help="data folder (default: .data beside manage.py)")
    parser.add_argument("--demo", action="store_true", help="also run the demo agents")
    parser.add_argument(
        "--web-processes",
        type=_parse_count,
        default=os.environ.get("PLAYHEAD_WEB_PROCESSES", "1"),
        help="processes that serve pages and take data in (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    return Options(
        host=given.host,
        port=given.port,
        data=given.data.absolute(),
        is_demo=given.demo,
        web_processes=given.web_processes,
    )


def _parse_count(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= MOST_WEB_PROCESSES:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r}: give a number from 1 to {MOST_WEB_PROCESSES}")


def _parse_port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")
