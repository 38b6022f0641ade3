"""`manage.py demo`: send the traffic of two small agents to a Playhead."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.env import DATA_DIR, read_run_file
from demo.options import KEY_VARIABLE, URL_VARIABLE
from demo.runner import MODULES, DemoError, DemoOptions, Sent, run_demo

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_RATE = 24.0


class Command(BaseCommand):
    """Run the demo agents until Ctrl-C, or send one run of each workflow with `--once`."""

    help = (
        "Run two demo agents that send to a Playhead: a support desk (elasticdash), a triage agent (OpenTelemetry); "
        "and an extension that prints for the debug console."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django declares it this way

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send one run of each workflow, then exit")
        parser.add_argument("--rate", type=float, default=DEFAULT_RATE, help="runs a minute (default: %(default)s)")
        parser.add_argument("--url", help=f"address of the Playhead (default: ${URL_VARIABLE}, else the running one)")
        parser.add_argument(
            "--key", help=f"API key with the ingest scope (default: ${KEY_VARIABLE}, else the demo key)"
        )
        parser.add_argument("--seed", type=int, default=0, help="what the agents meet; the same seed, the same runs")
        parser.add_argument("--only", choices=sorted(MODULES), help="run one of the agents")

    def handle(self, *args: Any, **given: Any) -> None:
        options = DemoOptions(
            url=(given["url"] or find_url()).rstrip("/"),
            key=given["key"] or find_key(),
            seed=given["seed"],
            rate=given["rate"],
            once=given["once"],
            agents=(given["only"],) if given["only"] else tuple(MODULES),
            has_extension=not given["once"] and not given["only"],
        )
        try:
            sent = run_demo(options, say=self._say)
        except DemoError as error:
            raise CommandError(str(error)) from None
        self._summarise(sent, once=options.once, url=options.url)

    def _say(self, text: str) -> None:
        self.stdout.write(f"demo: {text}")
        self.stdout.flush()

    def _summarise(self, sent: Sent, *, once: bool, url: str) -> None:
        if once:
            for run in sent.runs:
                self.stdout.write(f"{run['agent']:<5} {run['workflow']:<18} {run['trace']}")
        self._say(f"{sent.describe()} to {url}")
        if sent.unsent:
            raise CommandError(f"{sent.unsent} events could not be sent.")


def find_url() -> str:
    """Return the address from the environment, else of the Playhead that runs here."""
    return os.environ.get(URL_VARIABLE) or read_run_file().get("PUBLIC_URL", DEFAULT_URL)


def find_key() -> str:
    """Return the key from the environment, else the demo's own, which `up --demo` keeps in the data folder."""
    given = os.environ.get(KEY_VARIABLE)
    if given:
        return given
    try:
        return (DATA_DIR / "demo_key").read_text().strip()
    except OSError:
        raise CommandError(f"No API key: give one with --key or {KEY_VARIABLE}.") from None
